#include "simulator/plant/balance.hpp"

#include <algorithm>

namespace alfaspark::sim {

Flows balance(const Demand& demand, const Supply& supply) {
  const double asked_w = demand.home_w + demand.load1_w + demand.load2_w;
  const double solar_used_w = std::min(supply.solar_w, asked_w);
  const double grid_used_w = std::min(supply.grid_w, asked_w - solar_used_w);
  const double battery_used_w = std::min(supply.discharge_w, asked_w - solar_used_w - grid_used_w);
  const double served_w = solar_used_w + grid_used_w + battery_used_w;
  const double share = asked_w > 0.0 ? std::min(1.0, served_w / asked_w) : 1.0;

  // While the battery gives, sun and grid are used up: nothing is left to charge it.
  const double solar_charge_w = std::min(supply.solar_w - solar_used_w, supply.charge_w);
  const double gentle_w = std::max(0.0, std::min(kGentleChargeW, supply.charge_w) - solar_charge_w);
  const double grid_charge_w = std::min(gentle_w, supply.grid_w - grid_used_w);

  Flows flows;
  flows.inverter_w = demand.home_w * share;
  flows.load1_w = demand.load1_w * share;
  flows.load2_w = demand.load2_w * share;
  flows.home_w = flows.inverter_w + flows.load1_w + flows.load2_w;
  flows.solar_w = solar_used_w + solar_charge_w;
  flows.grid_w = grid_used_w + grid_charge_w;
  flows.battery_w = solar_charge_w + grid_charge_w - battery_used_w;
  return flows;
}

}  // namespace alfaspark::sim
