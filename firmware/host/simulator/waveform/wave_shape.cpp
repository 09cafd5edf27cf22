#include "simulator/waveform/wave_shape.hpp"

#include <cmath>
#include <numbers>

namespace alfaspark::sim {

WaveShape::WaveShape(std::span<const Harmonic> harmonics) {
  std::array<double, kEntries> cycle{};
  double sum_of_squares = 0.0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(kEntries);
    cycle[i] = std::sin(angle);
    for (const Harmonic& harmonic : harmonics) {
      cycle[i] += harmonic.amplitude * std::sin(harmonic.order * angle + harmonic.phase_rad);
    }
    sum_of_squares += cycle[i] * cycle[i];
  }
  const double scale = 1.0 / std::sqrt(sum_of_squares / static_cast<double>(kEntries));
  for (std::size_t i = 0; i < kEntries; ++i) table_[i] = static_cast<float>(cycle[i] * scale);
}

const WaveShape& WaveShape::of_channel(std::size_t channel) {
  static constexpr std::array<Harmonic, 3> kGrid = {{{3, 0.05, 0.4}, {5, 0.04, 2.0}, {7, 0.02, 1.0}}};
  static constexpr std::array<Harmonic, 4> kElectronics = {
      {{3, 0.14, 2.9}, {5, 0.07, 0.6}, {7, 0.04, 2.2}, {9, 0.02, 1.1}}};
  static constexpr std::array<Harmonic, 2> kMotor = {{{3, 0.03, 1.2}, {5, 0.05, 0.3}}};
  static constexpr std::array<Harmonic, 1> kHeater = {{{5, 0.01, 0.0}}};
  static const std::array<WaveShape, 4> shapes = {WaveShape(kGrid), WaveShape(kElectronics), WaveShape(kMotor),
                                                  WaveShape(kHeater)};
  return shapes.at(channel);
}

}  // namespace alfaspark::sim
