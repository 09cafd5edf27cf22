// Which readings of a battery can be true. What cannot is treated as if nothing had been said.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

/// What one poll of the BMS gave; nullopt where its profile has no such register.
struct BatteryMeasurement {
  std::optional<float> voltage_v;
  std::optional<float> current_a;  ///< positive = charging
  std::optional<float> soc_pct;
};

class BatteryPlausibility {
 public:
  /// False for values that no 16-cell LFP pack has (30..70 V, 300 A, 0..100 %), and for a voltage that jumped further
  /// than the change of current explains. A jump that two more readings confirm is taken.
  bool accept(Micros now, const BatteryMeasurement& measurement);

 private:
  struct Timed {
    Micros at = 0;
    BatteryMeasurement measurement;
  };

  [[nodiscard]] static bool follows(const std::optional<Timed>& before, Micros now, const BatteryMeasurement& after);

  std::optional<Timed> accepted_;
  std::optional<Timed> suspect_;
  std::uint8_t confirmations_ = 0;
};

}  // namespace alfaspark
