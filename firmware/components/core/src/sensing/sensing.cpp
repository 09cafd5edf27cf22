#include "alfaspark/sensing/sensing.hpp"

#include <algorithm>

#include "alfaspark/sensing/balance.hpp"

namespace alfaspark {

namespace {

// A controller that did not come round for longer does not know what flowed meanwhile.
constexpr Micros kLongestStep = kSecond;

enum class SocSource : std::uint8_t { kVoltage = 0, kBms = 1 };

float scaled(const Parameters& parameters, Parameter parameter, float unit) {
  return static_cast<float>(parameters.get(parameter)) * unit;
}

}  // namespace

Sensing::Sensing(const Hardware& hardware, SerialPort& bms, const Parameters& parameters)
    : parameters_(parameters),
      currents_(hardware, parameters),
      bms_(bms, parameters),
      grid_(hardware.grid_sense_fitted, hardware.nominal_frequency_hz) {
  readings_.grid = grid_.state();
}

void Sensing::start(Micros now, const Counts& carried) {
  bms_.start(now);
  grid_.start(now);
  energies_.start(carried.energies);
  for (std::size_t channel = 0; channel < pulses_.size(); ++channel) {
    pulses_[channel].start(now, carried.pulses[channel]);
  }
  read_counters();
}

void Sensing::on_bms_bytes(Micros now, std::span<const std::uint8_t> bytes) { bms_.on_bytes(now, bytes); }

void Sensing::on_samples(Micros now, const SampleBlock& block) { currents_.on_samples(now, block, sense_cycle_s()); }

void Sensing::on_grid_pulse(Micros at) { grid_.on_pulse(at); }

void Sensing::on_s0_edge(Micros at, std::size_t channel, bool on) {
  if (channel < pulses_.size()) pulses_[channel].on_edge(at, on);
}

std::optional<float> Sensing::sense_cycle_s() const {
  // With the grid relay open the house runs on the inverter's own frequency, whatever the grid does outside. 0.2 Hz of
  // difference would cost up to 0.2 % of the RMS.
  const bool house_on_grid = (relays_closed_ & frames::bit(frames::Relay::kGrid)) != 0;
  return house_on_grid ? grid_.cycle_s() : std::nullopt;
}

void Sensing::tick(Micros now, std::uint8_t relays_closed) {
  relays_closed_ = relays_closed;
  count_energy(now);
  bms_.tick(now);
  currents_.tick(now);
  grid_.tick(now);
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    readings_.currents_a[channel] = currents_.current_a(channel);
    readings_.clipped[channel] = currents_.clipped(channel);
  }
  suspicion_.update(now, readings_.currents_a, relays_closed, grid_.state() == frames::GridState::kAbsent);
  read_battery();
  read_powers();
  read_grid();
  read_counters();
}

void Sensing::count_energy(Micros now) {
  const Micros step = last_tick_at_ ? now - *last_tick_at_ : 0;
  last_tick_at_ = now;
  // The powers of the last snapshot were what flowed since; unknown ones, such as a battery's whose BMS is lost, pause.
  if (step > 0 && step <= kLongestStep) energies_.add(readings_.powers, step);
}

void Sensing::read_counters() {
  for (std::size_t counter = 0; counter < kEnergyCounters; ++counter) {
    readings_.energies_wh[counter] = energies_.energy_wh(static_cast<frames::EnergyCounter>(counter));
  }
  for (std::size_t channel = 0; channel < pulses_.size(); ++channel) {
    readings_.pulses[channel] = pulses_[channel].reading();
  }
}

Counts Sensing::counts() const {
  Counts counts{.energies = energies_.energies()};
  for (std::size_t channel = 0; channel < pulses_.size(); ++channel) {
    counts.pulses[channel] = pulses_[channel].reading().count;
  }
  return counts;
}

void Sensing::read_battery() {
  const std::optional<BatteryMeasurement>& measurement = bms_.measurement();
  readings_.battery = {};
  if (!measurement) return;
  BatteryReading& battery = readings_.battery;
  battery.online = true;
  battery.voltage_v = measurement->voltage_v;
  battery.current_a = measurement->current_a;
  battery.alarms = bms_.alarms().value_or(0);  // the frame has no way to say that they are unknown
  const auto source = static_cast<SocSource>(parameters_.get(Parameter::kSocSource));
  if (source == SocSource::kBms && measurement->soc_pct) {
    battery.soc_pct = std::min(*measurement->soc_pct, 100.0F);
  } else if (battery.voltage_v) {
    battery.soc_pct = soc_from_voltage_pct(*battery.voltage_v, scaled(parameters_, Parameter::kSocEmpty, 1e-3F),
                                           scaled(parameters_, Parameter::kSocFull, 1e-3F));
  }
}

void Sensing::read_powers() {
  const auto topology = static_cast<LoadsTopology>(parameters_.get(Parameter::kLoadsTopology));
  Powers powers = ac_powers(readings_.currents_a, scaled(parameters_, Parameter::kNominalVoltage, 0.1F), topology);
  const BatteryReading& battery = readings_.battery;
  if (battery.voltage_v && battery.current_a) powers.battery_w = *battery.voltage_v * *battery.current_a;

  // The sun is inferred at the moment of a BMS measurement and held until the next: with an older battery power every
  // change of the loads would look like sun.
  const std::optional<float> solar_w = solar_power_w(powers.home_w, powers.battery_w, powers.grid_w);
  if (!solar_w || !solar_w_ || solar_at_ != bms_.measured_at()) {
    solar_w_ = solar_w;
    solar_at_ = bms_.measured_at();
  }
  powers.solar_w = solar_w_;
  readings_.powers = powers;
}

void Sensing::read_grid() {
  readings_.grid = grid_.state();
  readings_.grid_frequency_hz = grid_.frequency_hz();
  if (suspicion_.from_absent_grid()) {
    readings_.grid = frames::GridState::kUnknown;
    readings_.grid_frequency_hz.reset();
  }
}

const Readings& Sensing::readings() const { return readings_; }

bool Sensing::open_relay_current(std::size_t channel) const {
  return channel < kCurrentChannels && suspicion_.through_open_relay(channel);
}

bool Sensing::grid_sense_implausible() const { return grid_.implausible() || suspicion_.from_absent_grid(); }

}  // namespace alfaspark
