#include "simulator/plant/house.hpp"

#include <algorithm>
#include <cmath>

#include "simulator/plant/mains.hpp"
#include "simulator/random.hpp"

namespace alfaspark::sim {
namespace {

enum Purpose : std::uint64_t { kStartSoc = 0x4005 };

}  // namespace

House::House(const Sun& sky, std::uint64_t seed, bool has_inverter)
    : has_inverter_(has_inverter),
      sun_(sky),
      household_(seed),
      battery_(Random::derived(seed, kStartSoc).between(45.0, 75.0)) {}

void House::settle(Micros now) {
  const double hours = static_cast<double>(now - settled_at_) / 3.6e9;
  settled_at_ = now;
  energies_.grid_wh += flows_.grid_w * hours;
  energies_.home_wh += flows_.home_w * hours;
  energies_.solar_wh += flows_.solar_w * hours;
  energies_.battery_charged_wh += std::max(0.0, flows_.battery_w) * hours;
  energies_.battery_discharged_wh += std::max(0.0, -flows_.battery_w) * hours;
  energies_.load1_wh += flows_.load1_w * hours;
  energies_.load2_wh += flows_.load2_w * hours;
  battery_.charge(flows_.battery_w * hours);
}

void House::update(double local_s, const Contacts& contacts, bool grid_alive) {
  if (!has_inverter_) return;
  if (const double second = std::floor(local_s); second != profile_second_) {
    profile_second_ = second;
    profile_irradiance_ = sun_.irradiance(second);
    profile_demand_ = household_.demand(second);
  }
  const auto asked = [&](std::size_t relay, const std::optional<double>& fixed_w, double profile_w) {
    return contacts[relay] ? fixed_w.value_or(profile_w) : 0.0;
  };
  const BatteryLimits limits = battery_.limits();
  const Demand demand{
      .home_w = asked(1, fixed_.home_w, profile_demand_.home_w),
      .load1_w = asked(2, fixed_.load1_w, profile_demand_.load1_w),
      .load2_w = asked(3, fixed_.load2_w, profile_demand_.load2_w),
  };
  const Supply supply{
      .solar_w = kSolarPeakW * fixed_.irradiance.value_or(profile_irradiance_),
      .grid_w = contacts[0] && grid_alive ? kGridLimitW : 0.0,
      .charge_w = limits.charge_w,
      .discharge_w = limits.discharge_w,
  };
  flows_ = balance(demand, supply);
}

std::array<double, kCurrentChannels> House::currents_a() const {
  return {flows_.grid_w / Mains::kVoltageV, flows_.inverter_w / Mains::kVoltageV, flows_.load1_w / Mains::kVoltageV,
          flows_.load2_w / Mains::kVoltageV};
}

}  // namespace alfaspark::sim
