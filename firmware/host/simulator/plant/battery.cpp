#include "simulator/plant/battery.hpp"

#include <algorithm>

namespace alfaspark::sim {
namespace {

constexpr double kChargeTaperPct = 5.0;
constexpr double kDischargeTaperPct = 3.0;

}  // namespace

Battery::Battery(double soc_pct) : energy_wh_(soc_pct / 100.0 * kCapacityWh) {}

double Battery::soc_pct() const { return energy_wh_ / kCapacityWh * 100.0; }

void Battery::set_soc_pct(double soc_pct) { energy_wh_ = soc_pct / 100.0 * kCapacityWh; }

double Battery::voltage_v() const { return kEmptyV + (kFullV - kEmptyV) * soc_pct() / 100.0; }

BatteryLimits Battery::limits() const {
  const double full_w = kMaximumCurrentA * voltage_v();
  const double charge_share = std::clamp((100.0 - soc_pct()) / kChargeTaperPct, 0.0, 1.0);
  const double discharge_share = std::clamp(soc_pct() / kDischargeTaperPct, 0.0, 1.0);
  return {full_w * charge_share, full_w * discharge_share};
}

}  // namespace alfaspark::sim
