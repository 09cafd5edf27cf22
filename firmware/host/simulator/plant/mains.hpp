// The alternating voltage: its frequency and where in the cycle it stands.
#pragma once

#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// A sine whose frequency may change without a leap of its phase.
class Mains {
 public:
  static constexpr double kNominalHz = 50.0;
  /// Constant, so that true power is true RMS current times this.
  static constexpr double kVoltageV = 220.0;

  [[nodiscard]] double frequency_hz() const { return frequency_hz_; }
  void set_frequency(Micros now, double frequency_hz);

  /// Cycles since the start, at `time`, which is not before the last change.
  [[nodiscard]] double phase(Micros time) const;
  /// Takes over the phase of another, as an inverter does when it joins the grid.
  void align(Micros now, const Mains& other);
  /// The first rising zero crossing after `time`.
  [[nodiscard]] Micros next_zero_crossing(Micros time) const;

 private:
  double frequency_hz_ = kNominalHz;
  Micros since_ = 0;
  double phase_then_ = 0.0;
};

}  // namespace alfaspark::sim
