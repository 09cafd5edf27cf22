// One snapshot of everything the pack senses. What is unknown is nullopt, never 0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"

namespace alfaspark {

constexpr std::size_t kEnergyCounters = 7;
constexpr std::size_t kPulseChannels = 2;

struct BatteryReading {
  std::optional<float> voltage_v;
  std::optional<float> current_a;  ///< positive = charging
  std::optional<float> soc_pct;
  std::uint16_t alarms = 0;  ///< bits of frames::BatteryAlarm
  bool online = false;       ///< false 10 s after the last valid answer
};

/// Apparent power in W at the nominal voltage; battery positive = charging.
struct Powers {
  std::optional<float> grid_w;
  std::optional<float> home_w;
  std::optional<float> solar_w;
  std::optional<float> battery_w;
  std::optional<float> inverter_w;
  std::optional<float> load1_w;
  std::optional<float> load2_w;
};

/// The counters in full precision.
struct Counts {
  struct Energy {
    std::uint64_t microwatt_hours = 0;
    std::uint64_t microwatt_micros = 0;  ///< µW·µs that are not one µWh yet
    bool operator==(const Energy&) const = default;
  };
  std::array<Energy, kEnergyCounters> energies{};  ///< by frames::EnergyCounter
  std::array<std::uint32_t, kPulseChannels> pulses{};
  bool operator==(const Counts&) const = default;
};

struct PulseReading {
  std::uint32_t count = 0;           ///< since the counters began at 0; wraps
  std::optional<float> interval_ms;  ///< between the last two pulses
};

struct Readings {
  std::array<std::optional<float>, kCurrentChannels> currents_a{};
  std::array<bool, kCurrentChannels> clipped{};
  BatteryReading battery{};
  Powers powers{};
  frames::GridState grid = frames::GridState::kUnknown;
  std::optional<float> grid_frequency_hz;             ///< 0 = absent, nullopt = no sense input fitted or not known yet
  std::array<double, kEnergyCounters> energies_wh{};  ///< since the counters began at 0
  std::array<PulseReading, kPulseChannels> pulses{};
};

}  // namespace alfaspark
