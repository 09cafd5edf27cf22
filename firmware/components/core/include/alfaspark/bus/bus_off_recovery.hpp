// Brings the CAN controller back from bus-off: by itself, with back-off, forever.
#pragma once

#include <algorithm>
#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class BusOffRecovery {
 public:
  static constexpr Micros kFirstWait = 100 * kMillisecond;
  static constexpr Micros kLongestWait = 10 * kSecond;
  /// On the bus for so long, the next bus-off is a new story.
  static constexpr Micros kForgottenAfter = 30 * kSecond;

  void on_bus_off(Micros now) {
    if (recovered_at_ && now - *recovered_at_ >= kForgottenAfter) wait_ = kFirstWait;
    recovered_at_.reset();
    attempt_at_ = now + wait_;
  }

  void on_recovered(Micros now) {
    attempt_at_.reset();
    recovered_at_ = now;
  }

  /// True when the controller should start its recovery; again, later, if that does not end.
  bool take_attempt(Micros now) {
    if (!attempt_at_ || now < *attempt_at_) return false;
    wait_ = std::min(2 * wait_, kLongestWait);
    attempt_at_ = now + wait_;
    return true;
  }

  [[nodiscard]] bool is_bus_off() const { return attempt_at_.has_value(); }

 private:
  Micros wait_ = kFirstWait;
  std::optional<Micros> attempt_at_;
  std::optional<Micros> recovered_at_;
};

}  // namespace alfaspark
