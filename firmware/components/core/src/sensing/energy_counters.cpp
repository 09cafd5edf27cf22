#include "alfaspark/sensing/energy_counters.hpp"

#include <cmath>

namespace alfaspark {

namespace {

using frames::EnergyCounter;

constexpr std::uint64_t kMicrowattMicrosPerMicrowattHour = 3'600'000'000;

}  // namespace

void EnergyCounters::add(EnergyCounter counter, float power_w, Micros duration) {
  if (!(power_w > 0.0F)) return;
  auto& target = energies_[static_cast<std::size_t>(counter)];
  const auto power_uw = static_cast<std::uint64_t>(std::llround(power_w * 1e6F));
  target.microwatt_micros += power_uw * static_cast<std::uint64_t>(duration);
  target.microwatt_hours += target.microwatt_micros / kMicrowattMicrosPerMicrowattHour;
  target.microwatt_micros %= kMicrowattMicrosPerMicrowattHour;
}

void EnergyCounters::add(const Powers& powers, Micros duration) {
  add(EnergyCounter::kGrid, powers.grid_w.value_or(0.0F), duration);
  add(EnergyCounter::kHome, powers.home_w.value_or(0.0F), duration);
  add(EnergyCounter::kSolar, powers.solar_w.value_or(0.0F), duration);
  add(EnergyCounter::kBatteryCharged, powers.battery_w.value_or(0.0F), duration);
  add(EnergyCounter::kBatteryDischarged, -powers.battery_w.value_or(0.0F), duration);
  add(EnergyCounter::kLoad1, powers.load1_w.value_or(0.0F), duration);
  add(EnergyCounter::kLoad2, powers.load2_w.value_or(0.0F), duration);
}

double EnergyCounters::energy_wh(EnergyCounter counter) const {
  return static_cast<double>(energies_[static_cast<std::size_t>(counter)].microwatt_hours) * 1e-6;
}

}  // namespace alfaspark
