#include "alfaspark/sensing/signal_period.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "alfaspark/sensing/rms_window.hpp"

namespace alfaspark {

namespace {

constexpr float kThinnedRateHz = 1000.0F;
constexpr float kCornerHz = 50.0F;
constexpr float kLongestHoldS = 1.0F;
// A load that comes or goes moves the phase of the current, not the mains: a cycle that differs by more, and those in
// which the low passes still remember it, are left out.
constexpr float kLargestDeviation = 0.04F;
constexpr std::uint8_t kTransientCycles = 3;
constexpr float kRateTolerance = 0.01F;

}  // namespace

void SignalPeriod::restart() {
  pending_sum_ = 0;
  pending_ = 0;
  low_pass_ = {};
  previous_ = 0.0F;
  since_crossing_ = kNoCrossing;
  cycles_.reset();
}

void SignalPeriod::set_rate(float sample_rate_hz) {
  if (std::abs(sample_rate_hz - sample_rate_hz_) <= kRateTolerance * sample_rate_hz_) return;
  restart();
  period_.reset();
  sample_rate_hz_ = sample_rate_hz;
  thinning_ = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::lround(sample_rate_hz / kThinnedRateHz)));
  thinned_rate_hz_ = sample_rate_hz / static_cast<float>(thinning_);
  smoothing_ = 1.0F - std::exp(-2.0F * std::numbers::pi_v<float> * kCornerHz / thinned_rate_hz_);
}

void SignalPeriod::add(std::span<const std::uint16_t> samples, float sample_rate_hz, float mean_counts) {
  set_rate(sample_rate_hz);
  const float scale = 1.0F / static_cast<float>(thinning_);
  for (const std::uint16_t sample : samples) {
    pending_sum_ += static_cast<std::int32_t>(sample) - RmsWindow::kMidRange;
    if (++pending_ < thinning_) continue;
    float value = static_cast<float>(pending_sum_) * scale - mean_counts;
    pending_sum_ = 0;
    pending_ = 0;
    for (float& stage : low_pass_) {
      stage += smoothing_ * (value - stage);
      value = stage;
    }
    detect(value);
  }
}

void SignalPeriod::detect(float value) {
  since_crossing_ += 1.0F;
  period_age_ += 1.0F;
  if (previous_ < 0.0F && value >= 0.0F) {
    const float past_crossing = value / (value - previous_);
    on_cycle(since_crossing_ - past_crossing);
    since_crossing_ = past_crossing;
  }
  previous_ = value;
}

void SignalPeriod::on_cycle(float length) {
  if (length * kLowestMainsHz > thinned_rate_hz_ || length * kHighestMainsHz < thinned_rate_hz_) {
    cycles_.reset();
    return;
  }
  const std::optional<float> mean = cycles_.mean();
  if (mean && std::abs(length - *mean) > kLargestDeviation * *mean) {
    cycles_.reset();
    cycles_to_skip_ = kTransientCycles;
  }
  if (cycles_to_skip_ > 0) {
    --cycles_to_skip_;
    return;
  }
  cycles_.add(length);
  if (const std::optional<float> settled = cycles_.mean()) {
    period_ = settled;
    period_age_ = 0.0F;
  }
}

std::optional<float> SignalPeriod::period_samples() const {
  if (!period_ || period_age_ > kLongestHoldS * thinned_rate_hz_) return std::nullopt;
  return *period_ * static_cast<float>(thinning_);
}

}  // namespace alfaspark
