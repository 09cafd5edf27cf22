// Where the power of one pack's house comes from and goes to, at one instant.
#pragma once

namespace alfaspark::sim {

/// What the circuits ask for and the relays let through, in W, never negative.
struct Demand {
  double home_w = 0.0;   ///< of the inverter output, the house's own circuit
  double load1_w = 0.0;  ///< beside it, each on a circuit of its own
  double load2_w = 0.0;
};

/// What there is, in W, never negative.
struct Supply {
  double solar_w = 0.0;
  double grid_w = 0.0;  ///< 0 with the relay open or the grid gone
  double charge_w = 0.0;
  double discharge_w = 0.0;
};

/// True powers in W. `grid + solar == home + battery` and `home == inverter + load1 + load2`.
struct Flows {
  double grid_w = 0.0;
  double home_w = 0.0;      ///< everything the house uses
  double solar_w = 0.0;     ///< what is harvested; the rest is curtailed
  double battery_w = 0.0;   ///< positive = charging
  double inverter_w = 0.0;  ///< what passes the inverter output's own CT and relay
  double load1_w = 0.0;
  double load2_w = 0.0;
};

/// The grid's fuse: 50 A at 220 V.
constexpr double kGridLimitW = 11'000.0;
/// What the inverter charges the battery with from the grid.
constexpr double kGentleChargeW = 500.0;

/// Sun first; the rest from the grid where there is one, then from the battery; what cannot be given is served to no
/// one, each circuit losing the same share. Sun to spare charges the battery; the grid charges it gently.
Flows balance(const Demand& demand, const Supply& supply);

}  // namespace alfaspark::sim
