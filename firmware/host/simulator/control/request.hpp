// What one JSON object may ask of the simulation (docs/simulator.md has the table).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "simulator/control/json.hpp"
#include "simulator/simulation.hpp"

namespace alfaspark::sim {

/// Understood and checked as a whole; nothing has happened yet.
struct Request {
  std::vector<std::function<void()>> effects;  ///< in the order of the table, whatever the order of the keys
  std::optional<Micros> advance;
  bool wants_truth = false;
};

/// Throws std::invalid_argument with a sentence for the user. The effects refer to `simulation`.
Request parse_request(const Json& json, Simulation& simulation);

}  // namespace alfaspark::sim
