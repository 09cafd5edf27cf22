// Counts the pulses of a meter's S0 output (IEC 62053-31): at least 30 ms closed after at least 30 ms open.
//
// Anything shorter than 1 ms, closed or open, is a glitch or a bounce and did not happen; what bouncing cuts off a
// pulse is granted to it.
#pragma once

#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark {

class PulseCounter {
 public:
  /// Goes on from `carried` pulses.
  void start(Micros now, std::uint32_t carried = 0) {
    level_since_ = now;
    reading_.count = carried;
  }
  /// `on` = contact closed. A pulse counts when it ends, with the time at which it began.
  void on_edge(Micros at, bool on);

  /// Pulses with those that were carried over, and the time between the last two.
  [[nodiscard]] const PulseReading& reading() const { return reading_; }

 private:
  void on_closed(Micros at);
  void on_opened(Micros at);

  bool on_ = false;
  Micros level_since_ = 0;     ///< begin of the level that is
  Micros previous_since_ = 0;  ///< begin of the level before, for the case that this one was a glitch
  bool valid_ = false;         ///< the contact was open for long enough before it closed
  bool counted_ = false;       ///< this closing has been counted
  std::optional<Micros> last_pulse_at_;
  PulseReading reading_;
};

}  // namespace alfaspark
