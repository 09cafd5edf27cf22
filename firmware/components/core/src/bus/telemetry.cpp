#include "alfaspark/bus/telemetry.hpp"

#include <cmath>

namespace alfaspark::telemetry {
namespace {

constexpr float kIdleBelowA = 0.5F;

frames::BatteryState state_of(std::optional<float> current_a) {
  if (!current_a) return frames::BatteryState::kUnknown;
  if (std::fabs(*current_a) < kIdleBelowA) return frames::BatteryState::kIdle;
  return *current_a > 0 ? frames::BatteryState::kCharging : frames::BatteryState::kDischarging;
}

void add(std::optional<float>& sum, std::optional<float> value) {
  if (value) sum = sum.value_or(0.0F) + *value;
}

/// Sums over the packs; the state of charge as their mean.
class FleetSum {
 public:
  void count(const frames::Battery& battery, const frames::Power& power) {
    ++fleet_.packs;
    add(fleet_.soc_pct, battery.soc_pct);
    if (battery.soc_pct) ++socs_;
    add(fleet_.grid_w, power.grid_w);
    add(fleet_.solar_w, power.solar_w);
    add(fleet_.battery_w, power.battery_w);
  }

  [[nodiscard]] frames::Fleet fleet() const {
    auto fleet = fleet_;
    if (fleet.soc_pct) fleet.soc_pct = *fleet.soc_pct / static_cast<float>(socs_);
    return fleet;
  }

 private:
  frames::Fleet fleet_;
  int socs_ = 0;
};

}  // namespace

frames::Battery battery(const Readings& readings) {
  const auto& battery = readings.battery;
  return {.voltage_v = battery.voltage_v,
          .current_a = battery.current_a,
          .alarms = battery.alarms,
          .soc_pct = battery.soc_pct,
          .state = state_of(battery.current_a)};
}

frames::Power power(const Readings& readings) {
  const auto& powers = readings.powers;
  return {.grid_w = powers.grid_w, .home_w = powers.home_w, .solar_w = powers.solar_w, .battery_w = powers.battery_w};
}

frames::Loads loads(const Readings& readings) {
  return {.load1_w = readings.powers.load1_w,
          .load2_w = readings.powers.load2_w,
          .inverter_w = readings.powers.inverter_w,
          .grid_frequency_hz = readings.grid_frequency_hz};
}

frames::Currents currents(const Readings& readings) {
  const auto& amperes = readings.currents_a;
  return {.grid_a = amperes[0], .inverter_a = amperes[1], .load1_a = amperes[2], .load2_a = amperes[3]};
}

frames::Energy energy(const Readings& readings, frames::EnergyCounter counter, CountOrigin origin) {
  // Wraps as PULSE does: a counter that stopped at its end would lose all energy from there on without a word.
  constexpr double kCountsPerWh = 10.0;
  const auto counts = std::llround(readings.energies_wh[static_cast<std::size_t>(counter)] * kCountsPerWh);
  const auto wrapped = static_cast<std::uint32_t>(static_cast<std::uint64_t>(counts) & 0xFFFFFFFFU);
  return {.counter = counter,
          .count_id = origin.count_id,
          .boot_id = origin.boot_id,
          .value_wh = static_cast<double>(wrapped) / kCountsPerWh};
}

frames::Pulse pulse(const Readings& readings, std::size_t channel, std::uint16_t boot_id) {
  const auto& pulse = readings.pulses[channel];
  // Longer than the frame can say is sent as none: the nearest value would be a power that never was.
  constexpr float kLongestMs = 65534 * 2.0F;
  const bool fits = pulse.interval_ms && *pulse.interval_ms <= kLongestMs;
  return {.channel = static_cast<frames::PulseChannel>(channel),
          .boot_id_low = static_cast<std::uint8_t>(boot_id & 0xFFU),
          .count = pulse.count,
          .interval_ms = fits ? pulse.interval_ms : std::nullopt};
}

frames::Fleet fleet(Micros now, const Readings& own, FleetMember self, const Presence& others) {
  FleetSum sum;
  if (self.device_type == frames::DeviceType::kEnergyPack) sum.count(battery(own), power(own));
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    if (node == self.node || !others.is_present(now, node)) continue;
    if (others.device_type(node) != frames::DeviceType::kEnergyPack) continue;
    sum.count(others.battery(now, node), others.power(now, node));
  }
  return sum.fleet();
}

}  // namespace alfaspark::telemetry
