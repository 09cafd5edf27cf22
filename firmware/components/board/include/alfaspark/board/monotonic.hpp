// Times that never go back, for a core that is told events of interrupts and ticks in turn.
#pragma once

#include "alfaspark/ports.hpp"

namespace alfaspark::board {

class Monotonic {
 public:
  /// `at`, or the latest time so far if that is later: an interrupt may come between a look at the clock and the next.
  Micros advance(Micros at) {
    latest_ = at > latest_ ? at : latest_;
    return latest_;
  }

 private:
  Micros latest_ = 0;
};

}  // namespace alfaspark::board
