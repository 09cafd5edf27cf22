// A file of control lines with the times at which they take effect.
#pragma once

#include <filesystem>

#include "simulator/simulation.hpp"

namespace alfaspark::sim {

/// Reads JSON lines, each with `"at_s"` (seconds since the start of the simulation) beside the keys of the control
/// socket but `advance_s` and `get`, and puts them on the timeline. Empty lines are skipped.
/// Throws std::runtime_error that names file and line.
void schedule_scenario(const std::filesystem::path& file, Simulation& simulation);

}  // namespace alfaspark::sim
