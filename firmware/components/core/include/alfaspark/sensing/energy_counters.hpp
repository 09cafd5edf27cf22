// The seven energies since boot.
//
// Counted in integers (µWh, and the µW·µs that are not one yet): nothing is rounded away, however long and in however
// small steps they run.
#pragma once

#include <array>
#include <cstdint>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark {

class EnergyCounters {
 public:
  /// Adds the powers over a time of 0 to 1 s. What is unknown adds nothing.
  void add(const Powers& powers, Micros duration);

  [[nodiscard]] double energy_wh(frames::EnergyCounter counter) const;

 private:
  struct Counter {
    std::uint64_t microwatt_hours = 0;
    std::uint64_t microwatt_micros = 0;  ///< below one µWh
  };

  void add(frames::EnergyCounter counter, float power_w, Micros duration);

  std::array<Counter, kEnergyCounters> counters_{};
};

}  // namespace alfaspark
