// The seven energies since they began at 0.
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
  using Energies = decltype(Counts::energies);

  /// Goes on from there.
  void start(const Energies& carried) { energies_ = carried; }
  /// Adds the powers over a time of 0 to 1 s. What is unknown adds nothing.
  void add(const Powers& powers, Micros duration);

  [[nodiscard]] double energy_wh(frames::EnergyCounter counter) const;
  [[nodiscard]] const Energies& energies() const { return energies_; }

 private:
  void add(frames::EnergyCounter counter, float power_w, Micros duration);

  Energies energies_{};
};

}  // namespace alfaspark
