// The boot button: held for 3 s and let go it turns the import limit off, held for 10 s it asks for a factory reset.
#pragma once

#include <optional>
#include <utility>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class ResetButton {
 public:
  static constexpr Micros kLimitOff = 3 * kSecond;
  static constexpr Micros kFactoryReset = 10 * kSecond;

  void on_edge(Micros at, bool pressed) {
    if (pressed) {
      if (!pressed_at_) {
        pressed_at_ = at;
        is_taken_ = false;
      }
      return;
    }
    if (pressed_at_ && !is_taken_) {
      const auto held = at - *pressed_at_;
      limit_off_ = held >= kLimitOff && held < kFactoryReset;
      factory_reset_ = held >= kFactoryReset;
    }
    pressed_at_.reset();
  }

  /// True once for each time it is held so long; while still held, so that the owner sees when it is enough.
  bool take_factory_reset(Micros now) {
    const bool is_held = pressed_at_ && !is_taken_ && now - *pressed_at_ >= kFactoryReset;
    is_taken_ = is_taken_ || is_held;
    return is_held || std::exchange(factory_reset_, false);
  }

  /// True once for each time it was let go after so long, and before the factory reset.
  bool take_limit_off() { return std::exchange(limit_off_, false); }

 private:
  std::optional<Micros> pressed_at_;
  bool is_taken_ = false;
  bool limit_off_ = false;
  bool factory_reset_ = false;
};

}  // namespace alfaspark
