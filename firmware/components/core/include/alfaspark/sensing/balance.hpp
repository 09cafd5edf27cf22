// What follows from the measured currents and the battery: powers, the sun, the state of charge.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "alfaspark/identity.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark {

/// Parameter loads_topology: where loads 1 and 2 hang.
enum class LoadsTopology : std::uint8_t { kOwnCircuits = 0, kBehindInverter = 1 };

/// Apparent powers of the four channels, and what the home takes in all. Battery and solar stay nullopt.
[[nodiscard]] Powers ac_powers(const std::array<std::optional<float>, kCurrentChannels>& currents_a,
                               float nominal_voltage_v, LoadsTopology topology);

/// home + battery - grid in W, never below 0; `battery_w` positive = charging. nullopt when an input is.
[[nodiscard]] std::optional<float> solar_power_w(std::optional<float> home_w, std::optional<float> battery_w,
                                                 std::optional<float> grid_w);

/// Linear from `empty_v` (0 %) to `full_v` (100 %), clamped. nullopt if `full_v` is not above `empty_v`.
[[nodiscard]] std::optional<float> soc_from_voltage_pct(float voltage_v, float empty_v, float full_v);

}  // namespace alfaspark
