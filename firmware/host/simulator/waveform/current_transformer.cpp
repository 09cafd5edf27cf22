#include "simulator/waveform/current_transformer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace alfaspark::sim {
namespace {

constexpr float kLastCount = 4095.0F;
constexpr float kMiddleCount = 2048.0F;
constexpr double kOverdrivenRmsCounts = 2.0 * kMiddleCount;

constexpr unsigned kNoiseBits = 12;
using NoiseTable = std::array<float, std::size_t{1} << kNoiseBits>;

/// Gaussian values (Box-Muller), to be picked at random.
NoiseTable make_noise_table() {
  NoiseTable table{};
  Random random(0x6E01);
  for (float& value : table) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random.unit()));
    const double angle = 2.0 * std::numbers::pi * random.unit();
    value = static_cast<float>(CurrentTransformer::kNoiseCounts * radius * std::cos(angle));
  }
  return table;
}

const NoiseTable& noise_table() {
  static const NoiseTable table = make_noise_table();
  return table;
}

std::uint32_t to_phase(double cycles) {
  const double fraction = cycles - std::floor(cycles);
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(fraction * 0x1.0p32));
}

}  // namespace

PhaseRun PhaseRun::of(double start_cycles, double frequency_hz, double sample_rate_hz) {
  return {to_phase(start_cycles), to_phase(frequency_hz / sample_rate_hz)};
}

CurrentTransformer::CurrentTransformer(const WaveShape& shape, double amperes_per_count, Random random)
    : shape_(shape),
      amperes_per_count_(amperes_per_count),
      bias_counts_(kMiddleCount + static_cast<float>(random.between(-20.0, 20.0))),
      noise_state_(static_cast<std::uint32_t>(random.next())) {}

void CurrentTransformer::sample(double rms_a, const PhaseRun& phase, std::span<std::uint16_t> counts) {
  double rms_counts = rms_a / amperes_per_count_;
  if (state_ == CtState::kOpen) rms_counts = 0.0;
  if (state_ == CtState::kClip) rms_counts = std::max(rms_counts, kOverdrivenRmsCounts);
  const auto scale = static_cast<float>(rms_counts);
  const NoiseTable& noise = noise_table();
  std::uint32_t angle = phase.start;
  for (std::uint16_t& count : counts) {
    // A linear congruential generator (Numerical Recipes) is good enough to pick from the table, and costs nothing.
    noise_state_ = noise_state_ * 1664525U + 1013904223U;
    const float value = bias_counts_ + scale * shape_.at(angle) + noise[noise_state_ >> (32U - kNoiseBits)];
    count = static_cast<std::uint16_t>(std::clamp(value + 0.5F, 0.0F, kLastCount));
    angle += phase.step;
  }
}

}  // namespace alfaspark::sim
