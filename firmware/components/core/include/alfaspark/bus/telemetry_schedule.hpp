// When a node sends what: its own phase of every period, so that many nodes never speak at once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark {

/// Due at phase + n x period. What was missed is not made up for.
class PeriodicSlot {
 public:
  void start(Micros now, Micros period, Micros phase);
  bool take_due(Micros now);

 private:
  Micros period_ = 1;
  Micros next_ = 0;
};

class TelemetrySchedule {
 public:
  static constexpr Micros kSetPeriod = 2 * kSecond;
  static constexpr Micros kCounterPeriod = 10 * kSecond;
  static constexpr Micros kPulseGap = 200 * kMillisecond;

  static constexpr Micros phase_of(std::uint8_t node) { return node * kSetPeriod / 126; }

  /// When a number was got: `node` gives the phase.
  void start(Micros now, std::uint8_t node);

  /// Each `take_` is true, or has a value, once for each time something is due.
  bool take_set(Micros now) { return set_.take_due(now); }
  std::optional<frames::EnergyCounter> take_energy(Micros now);
  /// `count`: the pulses counted so far.
  bool take_pulse(Micros now, std::size_t channel, std::uint32_t count);

 private:
  struct PulseSlot {
    PeriodicSlot periodic;
    std::optional<Micros> sent_at;
    std::uint32_t sent_count = 0;
  };

  PeriodicSlot set_;
  std::array<PeriodicSlot, kEnergyCounters> energies_;
  std::array<PulseSlot, kPulseChannels> pulses_;
};

}  // namespace alfaspark
