// A house on the bus: packs, the grid in front of them, and the passing of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/pack/simulated_pack.hpp"
#include "simulator/site.hpp"

namespace alfaspark::sim {

struct SimulationOptions {
  std::size_t packs = 3;
  std::size_t gateways = 0;
  std::uint64_t seed = 1;
  std::uint64_t hardware_seed = 1;
  LocalTime start{};
  std::vector<std::uint64_t> serials;  ///< of packs, then gateways; derived from the seed where empty
  bool equal_numbers = false;
  std::optional<std::filesystem::path> storage;
  BmsLine* external_bms = nullptr;  ///< for pack 0; outlives the simulation
};

/// Twelve lower hexadecimal digits.
std::string format_serial(std::uint64_t serial);

class Simulation {
 public:
  static constexpr std::size_t kDevicesAtMost = 126;

  /// Throws std::runtime_error with a sentence for the user.
  explicit Simulation(const SimulationOptions& options);

  /// Once: boots the packs at time 0, after what the timeline already has for then.
  void start();
  void run_until(Micros time) { site_.timeline.run_until(time); }
  [[nodiscard]] Micros now() const { return site_.timeline.now(); }

  void set_grid_alive(bool alive);
  void set_grid_frequency(double frequency_hz);
  void set_local_time(const LocalTime& time);
  /// Brings energies and powers up to now.
  void refresh_houses();
  /// Fewer samples, for when time runs fast.
  void set_coarse_sampling(bool coarse) { site_.sample_rate_hz = coarse ? Site::kCoarseRateHz : Site::kFineRateHz; }

  /// Packs, then gateways.
  std::vector<std::unique_ptr<SimulatedPack>>& packs() { return packs_; }
  [[nodiscard]] const std::vector<std::unique_ptr<SimulatedPack>>& packs() const { return packs_; }
  Site& site() { return site_; }
  [[nodiscard]] const Site& site() const { return site_; }

 private:
  void schedule_grid_pulse();

  Site site_;
  std::vector<std::unique_ptr<SimulatedPack>> packs_;
  std::uint64_t frequency_change_ = 0;
};

}  // namespace alfaspark::sim
