// From what the pack senses to what it sends. What is unknown stays unknown: the frames send it as the marker.
#pragma once

#include <cstdint>

#include "alfaspark/bus/presence.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark::telemetry {

frames::Battery battery(const Readings& readings);
frames::Power power(const Readings& readings);
frames::Loads loads(const Readings& readings);
frames::Currents currents(const Readings& readings);
/// Which boot speaks, and in which one its counters began at 0 (the low 12 bits of that boot's id).
struct CountOrigin {
  std::uint16_t count_id = 0;
  std::uint16_t boot_id = 0;
};
frames::Energy energy(const Readings& readings, frames::EnergyCounter counter, CountOrigin origin);
frames::Pulse pulse(const Readings& readings, std::size_t channel, std::uint16_t boot_id);

/// A node of the fleet as its master sees it: itself from its own readings, the others from their frames.
struct FleetMember {
  std::uint8_t node = 0;
  frames::DeviceType device_type{};
};
/// Packs present and their sums, over those that are known; `self` counts by its own readings.
frames::Fleet fleet(Micros now, const Readings& own, FleetMember self, const Presence& others);

}  // namespace alfaspark::telemetry
