#include "alfaspark/sensing/battery_plausibility.hpp"

#include <cmath>

namespace alfaspark {

namespace {

constexpr float kLowestVoltageV = 30.0F;
constexpr float kHighestVoltageV = 70.0F;
constexpr float kLargestCurrentA = 300.0F;
constexpr float kLargestSocPct = 100.5F;  // some count 100 % and a little

// A healthy 48 V pack with its cables has 10 to 40 milliohm. The rest allows for a current that changed between the
// BMS's two samples, and for a cell's steep ends.
constexpr float kLargestResistanceOhm = 0.05F;
constexpr float kFreeStepV = 3.0F;
constexpr float kLargestSlopeVPerS = 0.5F;
constexpr Micros kMemory = 10 * kSecond;  // after that any reading is a first one
constexpr std::uint8_t kConfirmations = 2;

bool in_range(const BatteryMeasurement& measurement) {
  const auto& [voltage_v, current_a, soc_pct] = measurement;
  if (voltage_v && !(*voltage_v >= kLowestVoltageV && *voltage_v <= kHighestVoltageV)) return false;
  if (current_a && !(std::abs(*current_a) <= kLargestCurrentA)) return false;
  return !soc_pct || (*soc_pct >= 0.0F && *soc_pct <= kLargestSocPct);
}

}  // namespace

bool BatteryPlausibility::follows(const std::optional<Timed>& before, Micros now, const BatteryMeasurement& after) {
  if (!before || now - before->at > kMemory) return false;
  if (!before->measurement.voltage_v || !after.voltage_v) return true;
  const float current_step_a = after.current_a.value_or(0.0F) - before->measurement.current_a.value_or(0.0F);
  const float elapsed_s = static_cast<float>(now - before->at) * 1e-6F;
  const float allowed_v =
      kFreeStepV + kLargestResistanceOhm * std::abs(current_step_a) + kLargestSlopeVPerS * elapsed_s;
  return std::abs(*after.voltage_v - *before->measurement.voltage_v) <= allowed_v;
}

bool BatteryPlausibility::accept(Micros now, const BatteryMeasurement& measurement) {
  if (!in_range(measurement)) return false;
  const bool first = !accepted_ || now - accepted_->at > kMemory;
  if (!first && !follows(accepted_, now, measurement)) {
    confirmations_ = follows(suspect_, now, measurement) ? static_cast<std::uint8_t>(confirmations_ + 1) : 0;
    suspect_ = {now, measurement};
    if (confirmations_ < kConfirmations) return false;
  }
  accepted_ = {now, measurement};
  suspect_.reset();
  confirmations_ = 0;
  return true;
}

}  // namespace alfaspark
