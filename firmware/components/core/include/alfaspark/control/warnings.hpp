// The warnings of STATUS, each with its rule for set and cleared (protocol, "Warnings").
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class Warnings {
 public:
  static constexpr float kSocLowPct = 20.0F;
  static constexpr float kSocLowClearedPct = 22.0F;

  struct Conditions {
    std::optional<float> soc_pct{};
    bool bms_lost = false;
    bool clock_unknown = false;
    bool host_lost = false;
    bool sensor_fault = false;
    bool settings_reset = false;
    bool node_conflict = false;
    bool storage_failed = false;
    bool loads_limit = false;
    bool import_exhausted = false;
    bool import_above_80 = false;
    bool import_above_90 = false;
  };

  /// Bits of frames::PackWarning.
  std::uint16_t update(const Conditions& conditions);

 private:
  bool soc_low_ = false;
};

}  // namespace alfaspark
