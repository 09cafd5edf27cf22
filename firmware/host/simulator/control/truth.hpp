// What physically is, for whoever wants to hold a pack's beliefs against it.
#pragma once

#include "simulator/control/json.hpp"
#include "simulator/simulation.hpp"

namespace alfaspark::sim {

/// {"ok": true, "time", "grid", "frequency_hz", "packs": [...]} as in docs/simulator.md; energies up to now.
Json truth(Simulation& simulation);

}  // namespace alfaspark::sim
