// When a change of STATUS is worth a frame of its own (protocol, STATUS).
#pragma once

#include <cstdint>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

/// A change is sent at once, at most 3 in a row and then 5 a second; a change of the grid always at once.
class StatusTrigger {
 public:
  static constexpr int kInARow = 3;
  static constexpr Micros kRefill = 200 * kMillisecond;

  /// True if the status should be sent now: it differs, in more than the import, from the one sent last.
  bool take_due(Micros now, const frames::Status& status);
  /// Also for the periodic ones, which cost nothing.
  void on_sent(const frames::Status& status) { last_ = status; }

 private:
  frames::Status last_{};
  int tokens_ = kInARow;
  Micros refilled_at_ = 0;
};

}  // namespace alfaspark
