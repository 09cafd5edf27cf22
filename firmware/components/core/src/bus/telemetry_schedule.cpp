#include "alfaspark/bus/telemetry_schedule.hpp"

namespace alfaspark {

void PeriodicSlot::start(Micros now, Micros period, Micros phase) {
  period_ = period;
  next_ = phase % period;
  if (next_ < now) next_ += (now - next_ + period - 1) / period * period;
}

bool PeriodicSlot::take_due(Micros now) {
  if (now < next_) return false;
  next_ += ((now - next_) / period_ + 1) * period_;
  return true;
}

void TelemetrySchedule::start(Micros now, std::uint8_t node) {
  const auto phase = phase_of(node);
  set_.start(now, kSetPeriod, phase);
  Micros number = 0;
  for (auto& energy : energies_) {
    energy.start(now, kCounterPeriod, phase + number++ * kCounterPeriod / static_cast<Micros>(kEnergyCounters));
  }
  number = 0;
  for (auto& pulse : pulses_) {
    pulse.periodic.start(now, kCounterPeriod, phase + number++ * kCounterPeriod / static_cast<Micros>(kPulseChannels));
  }
}

std::optional<frames::EnergyCounter> TelemetrySchedule::take_energy(Micros now) {
  for (std::size_t i = 0; i < energies_.size(); ++i) {
    if (energies_[i].take_due(now)) return static_cast<frames::EnergyCounter>(i);
  }
  return std::nullopt;
}

bool TelemetrySchedule::take_pulse(Micros now, std::size_t channel, std::uint32_t count) {
  auto& pulse = pulses_[channel];
  const bool has_new = count != pulse.sent_count && (!pulse.sent_at || now - *pulse.sent_at >= kPulseGap);
  if (!pulse.periodic.take_due(now) && !has_new) return false;
  pulse.sent_at = now;
  pulse.sent_count = count;
  return true;
}

}  // namespace alfaspark
