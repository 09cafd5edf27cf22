// One cycle of a current, as a table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace alfaspark::sim {

struct Harmonic {
  int order = 1;
  double amplitude = 0.0;  ///< of the fundamental's
  double phase_rad = 0.0;
};

/// A fundamental with harmonics, scaled to an RMS of exactly 1.
class WaveShape {
 public:
  explicit WaveShape(std::span<const Harmonic> harmonics);

  /// The value at `phase`, where 2^32 is a whole cycle.
  [[nodiscard]] float at(std::uint32_t phase) const { return table_[phase >> kShift]; }

  /// What flows at the CTs of a house: 0 grid, 1 inverter output (electronics), 2 pump (motor), 3 heater.
  static const WaveShape& of_channel(std::size_t channel);

 private:
  static constexpr unsigned kShift = 20;
  static constexpr std::size_t kEntries = std::size_t{1} << (32U - kShift);
  std::array<float, kEntries> table_{};
};

}  // namespace alfaspark::sim
