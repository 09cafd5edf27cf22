#include "alfaspark/sensing/balance.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark {

namespace {

std::optional<float> power_w(std::optional<float> current_a, float voltage_v) {
  if (!current_a) return std::nullopt;
  return *current_a * voltage_v;
}

}  // namespace

Powers ac_powers(const std::array<std::optional<float>, kCurrentChannels>& currents_a, float nominal_voltage_v,
                 LoadsTopology topology) {
  const auto of = [&](Channel channel) {
    return power_w(currents_a[static_cast<std::size_t>(channel)], nominal_voltage_v);
  };
  Powers powers;
  powers.grid_w = of(Channel::kGrid);
  powers.inverter_w = of(Channel::kInverter);
  powers.load1_w = of(Channel::kLoad1);
  powers.load2_w = of(Channel::kLoad2);
  if (topology == LoadsTopology::kBehindInverter) {
    powers.home_w = powers.inverter_w;
  } else if (powers.inverter_w && powers.load1_w && powers.load2_w) {
    powers.home_w = *powers.inverter_w + *powers.load1_w + *powers.load2_w;
  }
  return powers;
}

std::optional<float> solar_power_w(std::optional<float> home_w, std::optional<float> battery_w,
                                   std::optional<float> grid_w) {
  if (!home_w || !battery_w || !grid_w) return std::nullopt;
  return std::max(0.0F, *home_w + *battery_w - *grid_w);
}

std::optional<float> soc_from_voltage_pct(float voltage_v, float empty_v, float full_v) {
  if (!(full_v > empty_v)) return std::nullopt;
  // In steps of 0.01 %: 49.6 V are 20 %, not 20.000004 %, wherever a threshold is.
  constexpr float kStepsPerPct = 100.0F;
  const float share = std::clamp((voltage_v - empty_v) / (full_v - empty_v), 0.0F, 1.0F);
  return std::round(share * 100.0F * kStepsPerPct) / kStepsPerPct;
}

}  // namespace alfaspark
