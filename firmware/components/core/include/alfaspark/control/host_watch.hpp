// Whether a host is there: who sets the time and sends commands.
#pragma once

#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class HostWatch {
 public:
  static constexpr Micros kLostAfter = 150 * kSecond;

  void start(Micros now) { started_at_ = now; }
  void on_command(Micros now) { heard_at_ = now; }

  [[nodiscard]] bool is_seen(Micros now) const { return heard_at_ && now - *heard_at_ < kLostAfter; }
  /// After a start, the host has the same time to come.
  [[nodiscard]] bool is_lost(Micros now) const { return now - heard_at_.value_or(started_at_) >= kLostAfter; }

 private:
  Micros started_at_ = 0;
  std::optional<Micros> heard_at_;
};

}  // namespace alfaspark
