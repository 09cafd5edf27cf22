// What a household and its two extra loads ask for over the day.
#pragma once

#include <cstdint>

#include "simulator/plant/balance.hpp"

namespace alfaspark::sim {

/// Appliances that switch on and off by the hour of the day: refrigerator, lights, kettle, cooker, air conditioning...;
/// load 1 is a pool pump, load 2 a water heater. A function of time alone, so that a leap in time is harmless.
class Household {
 public:
  explicit Household(std::uint64_t seed) : seed_(seed) {}

  /// `local_s`: seconds of local time since 1970-01-01 00:00.
  [[nodiscard]] Demand demand(double local_s) const;

 private:
  std::uint64_t seed_;
};

}  // namespace alfaspark::sim
