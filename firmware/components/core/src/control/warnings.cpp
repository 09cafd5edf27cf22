#include "alfaspark/control/warnings.hpp"

namespace alfaspark {

std::uint16_t Warnings::update(const Conditions& conditions) {
  // A battery that was low and is not heard any more is not taken for charged.
  if (const auto soc = conditions.soc_pct) soc_low_ = *soc <= kSocLowPct || (soc_low_ && *soc < kSocLowClearedPct);

  std::uint16_t bits = 0;
  const auto add = [&bits](bool active, frames::PackWarning warning) {
    if (active) bits = static_cast<std::uint16_t>(bits | bit(warning));
  };
  add(conditions.loads_limit, frames::PackWarning::kLoadsLimit);
  add(conditions.import_exhausted, frames::PackWarning::kImportLimitExhausted);
  add(conditions.import_above_80, frames::PackWarning::kImportAbove80);
  add(conditions.import_above_90, frames::PackWarning::kImportAbove90);
  add(soc_low_, frames::PackWarning::kSocLow);
  add(conditions.bms_lost, frames::PackWarning::kBmsLost);
  add(conditions.clock_unknown, frames::PackWarning::kClockUnknown);
  add(conditions.host_lost, frames::PackWarning::kHostLost);
  add(conditions.sensor_fault, frames::PackWarning::kSensorFault);
  add(conditions.settings_reset, frames::PackWarning::kSettingsReset);
  add(conditions.node_conflict, frames::PackWarning::kNodeNumberConflict);
  add(conditions.storage_failed, frames::PackWarning::kStorageFailed);
  return bits;
}

}  // namespace alfaspark
