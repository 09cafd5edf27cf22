#include "alfaspark/sensing/rms_window.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark {

namespace {

constexpr std::int64_t kWholeSample = 256;
constexpr std::uint16_t kLargestCount = 4095;
// 512 squares of 11 bits and sign fit 32 bits, which the ESP32 adds four times as fast as 64.
constexpr std::size_t kRun = 512;

std::int32_t from_mid_range(std::uint16_t sample) {
  return static_cast<std::int32_t>(std::min(sample, kLargestCount)) - RmsWindow::kMidRange;
}

}  // namespace

void RmsWindow::restart() { length_ = 0; }

std::optional<RmsWindow::Result> RmsWindow::add(std::span<const std::uint16_t> samples, float period_samples) {
  std::optional<Result> closed;
  while (!samples.empty()) {
    if (length_ == 0) open(period_samples);
    const auto whole_missing = static_cast<std::size_t>((length_ - weight_) / kWholeSample);
    const std::size_t whole = std::min(samples.size(), whole_missing);
    accumulate(samples.first(whole));
    samples = samples.subspan(whole);
    if (weight_ == length_) {
      closed = close();
      length_ = 0;
    } else if (!samples.empty()) {
      const std::int64_t share = length_ - weight_;
      accumulate_share(samples.front(), share);
      closed = close();
      open(period_samples);
      accumulate_share(samples.front(), kWholeSample - share);
      samples = samples.subspan(1);
    }
  }
  return closed;
}

void RmsWindow::open(float period_samples) {
  const float cycles = std::floor(static_cast<float>(kMaximumSamples) / period_samples);
  const float length_samples = period_samples * std::clamp(cycles, 1.0F, static_cast<float>(kCycles));
  length_ = std::llround(length_samples * static_cast<float>(kWholeSample));
  weight_ = 0;
  sum_ = 0;
  sum_of_squares_ = 0;
  clipped_samples_ = 0;
}

RmsWindow::Result RmsWindow::close() const {
  // Weight below 2^20, counts of 11 bits and sign: every term stays below 2^62.
  const std::int64_t variance = weight_ * sum_of_squares_ - sum_ * sum_;
  const auto weight = static_cast<float>(weight_);
  return {.rms_counts = std::sqrt(static_cast<float>(variance)) / weight,
          .mean_counts = static_cast<float>(sum_) / weight,
          .clipped_samples = clipped_samples_};
}

void RmsWindow::accumulate(std::span<const std::uint16_t> samples) {
  while (!samples.empty()) {
    const std::span run = samples.first(std::min(samples.size(), kRun));
    std::int32_t sum = 0;
    std::uint32_t sum_of_squares = 0;
    std::uint32_t clipped = 0;
    for (const std::uint16_t sample : run) {
      const std::int32_t value = from_mid_range(sample);
      sum += value;
      sum_of_squares += static_cast<std::uint32_t>(value * value);
      clipped += sample <= clip_low_count_ || sample >= clip_high_count_ ? 1U : 0U;
    }
    sum_ += kWholeSample * sum;
    sum_of_squares_ += kWholeSample * static_cast<std::int64_t>(sum_of_squares);
    clipped_samples_ += clipped;
    weight_ += kWholeSample * static_cast<std::int64_t>(run.size());
    samples = samples.subspan(run.size());
  }
}

void RmsWindow::accumulate_share(std::uint16_t sample, std::int64_t share) {
  const std::int64_t value = from_mid_range(sample);
  sum_ += share * value;
  sum_of_squares_ += share * value * value;
  clipped_samples_ += sample <= clip_low_count_ || sample >= clip_high_count_ ? 1U : 0U;
  weight_ += share;
}

}  // namespace alfaspark
