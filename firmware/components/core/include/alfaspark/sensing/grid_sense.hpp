// Is the public grid there? Judged from the sense input, one pulse a mains cycle.
//
// Present after 1 s of valid cycles (45..65 Hz), absent 2.25 periods after the last pulse; once present, single bad
// cycles do not count. Pulses that are no mains leave it unknown and are a fault.
#pragma once

#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/sensing/mains_cycle.hpp"

namespace alfaspark {

class GridSense {
 public:
  /// Of valid cycles before the grid is present.
  static constexpr Micros kSettling = kSecond;

  GridSense(bool fitted, float nominal_frequency_hz);

  void start(Micros now);
  /// A rising edge. One that follows another within 1 ms is a glitch and ignored.
  void on_pulse(Micros at);
  void tick(Micros now);

  [[nodiscard]] frames::GridState state() const { return state_; }
  /// 0 = absent, nullopt = no sense input or not known.
  [[nodiscard]] std::optional<float> frequency_hz() const;
  /// Mean length of a cycle in seconds, while the grid is present.
  [[nodiscard]] std::optional<float> cycle_s() const;
  /// Pulses have been coming for 3 s that are no mains of 45..65 Hz.
  [[nodiscard]] bool implausible() const { return implausible_; }

 private:
  [[nodiscard]] Micros absence_limit() const;
  void on_interval(Micros at, Micros interval);
  void become_absent();

  bool fitted_;
  float nominal_cycle_us_;
  frames::GridState state_;
  bool implausible_ = false;
  Micros started_at_ = 0;
  std::optional<Micros> last_pulse_at_;
  Micros run_since_ = 0;                   ///< begin of the valid cycles that follow each other
  Micros last_valid_at_ = 0;               ///< end of the last valid cycle
  std::optional<Micros> unsettled_since_;  ///< pulses come, but the grid is not present
  CycleAverage cycles_us_;
  std::optional<float> cycle_us_;
};

}  // namespace alfaspark
