// What all packs of a simulation share: time, the bus, the sky and the public grid.
#pragma once

#include <cstdint>

#include "simulator/bus/can_bus.hpp"
#include "simulator/plant/mains.hpp"
#include "simulator/plant/sun.hpp"
#include "simulator/random.hpp"
#include "simulator/time/local_time.hpp"
#include "simulator/time/timeline.hpp"

namespace alfaspark::sim {

struct Site {
  /// `hardware_seed`: of what a chip draws by itself and the bus does to frames; `seed` of everything else.
  Site(std::uint64_t plant_seed, std::uint64_t chance_seed, const LocalTime& start)
      : seed(plant_seed),
        hardware_seed(chance_seed),
        bus(timeline, Random::derived(chance_seed, kBusErrors)),
        sky(plant_seed),
        clock_at_start_(start) {}

  [[nodiscard]] LocalTime local_time() const { return clock_at_start_.plus(timeline.now()); }
  void set_local_time(const LocalTime& time) { clock_at_start_ = time.plus(-timeline.now()); }

  static constexpr double kFineRateHz = 8000.0;
  static constexpr double kCoarseRateHz = 1000.0;
  static constexpr std::uint64_t kBusErrors = 0xB05;

  std::uint64_t seed;
  std::uint64_t hardware_seed;
  Timeline timeline;
  CanBus bus;
  Sun sky;
  Mains grid;
  bool grid_alive = true;
  double sample_rate_hz = kFineRateHz;  ///< per channel, of every pack's ADC

 private:
  LocalTime clock_at_start_;
};

}  // namespace alfaspark::sim
