// The plant around one pack: its battery, panels, circuits and its connection to the public grid.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "simulator/plant/balance.hpp"
#include "simulator/plant/battery.hpp"
#include "simulator/plant/loads.hpp"
#include "simulator/plant/sun.hpp"

namespace alfaspark::sim {

/// True energies in Wh since the simulation started.
struct Energies {
  double grid_wh = 0.0;
  double home_wh = 0.0;
  double solar_wh = 0.0;
  double battery_charged_wh = 0.0;
  double battery_discharged_wh = 0.0;
  double load1_wh = 0.0;
  double load2_wh = 0.0;
};

/// Values that stand instead of a profile's, where set.
struct FixedInputs {
  std::optional<double> irradiance;  ///< 0..1
  std::optional<double> home_w;
  std::optional<double> load1_w;
  std::optional<double> load2_w;
};

/// Powers are constant between two calls, so that the energies are exact.
class House {
 public:
  static constexpr double kSolarPeakW = 5'000.0;
  using Contacts = std::array<bool, kCurrentChannels>;  ///< true = closed

  /// Houses of one `sky` have the same clouds. `has_inverter` false: a gateway's place, where nothing flows.
  House(const Sun& sky, std::uint64_t seed, bool has_inverter);

  /// Counts the energy of what flowed until `now`.
  void settle(Micros now);
  /// Finds what flows from now on. `local_s` as in Sun; profiles change on whole seconds.
  void update(double local_s, const Contacts& contacts, bool grid_alive);

  FixedInputs& fixed() { return fixed_; }
  [[nodiscard]] const FixedInputs& fixed() const { return fixed_; }
  Battery& battery() { return battery_; }
  [[nodiscard]] const Battery& battery() const { return battery_; }
  [[nodiscard]] const Flows& flows() const { return flows_; }
  [[nodiscard]] const Energies& energies() const { return energies_; }
  /// True RMS currents at the four CTs in A.
  [[nodiscard]] std::array<double, kCurrentChannels> currents_a() const;

 private:
  bool has_inverter_;
  Sun sun_;
  Household household_;
  Battery battery_;
  FixedInputs fixed_;
  double profile_second_ = -1.0;
  double profile_irradiance_ = 0.0;
  Demand profile_demand_;
  Micros settled_at_ = 0;
  Flows flows_;
  Energies energies_;
};

}  // namespace alfaspark::sim
