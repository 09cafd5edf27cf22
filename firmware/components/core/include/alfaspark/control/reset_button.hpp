// The boot button: held for 10 s it asks for a factory reset.
#pragma once

#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class ResetButton {
 public:
  static constexpr Micros kFactoryReset = 10 * kSecond;

  void on_edge(Micros at, bool pressed) {
    if (!pressed) {
      pressed_at_.reset();
    } else if (!pressed_at_) {
      pressed_at_ = at;
      is_taken_ = false;
    }
  }

  /// True once for each time it is held so long; while still held, so that the owner sees when it is enough.
  bool take_factory_reset(Micros now) {
    if (!pressed_at_ || is_taken_ || now - *pressed_at_ < kFactoryReset) return false;
    is_taken_ = true;
    return true;
  }

 private:
  std::optional<Micros> pressed_at_;
  bool is_taken_ = false;
};

}  // namespace alfaspark
