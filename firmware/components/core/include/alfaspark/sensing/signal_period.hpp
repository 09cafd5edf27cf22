// Length of a mains cycle, taken from a current itself: for a house that runs on its inverter, or without a sense
// input.
//
// The samples are thinned to about 1 kS/s and passed through three equal low passes at 50 Hz, which leave under a tenth
// of a third harmonic relative to the fundamental, and too little of anything faster to cross zero twice. The upward
// crossings are interpolated.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "alfaspark/sensing/mains_cycle.hpp"

namespace alfaspark {

class SignalPeriod {
 public:
  /// Another signal or a gap follows. The period found so far is held as below.
  void restart();
  /// `mean_counts`: bias of the samples, from mid-range.
  void add(std::span<const std::uint16_t> samples, float sample_rate_hz, float mean_counts);
  /// In samples. nullopt where no cycles were found for a second.
  [[nodiscard]] std::optional<float> period_samples() const;

 private:
  static constexpr float kNoCrossing = std::numeric_limits<float>::infinity();

  void set_rate(float sample_rate_hz);
  void detect(float value);
  void on_cycle(float length);

  float sample_rate_hz_ = 0.0F;
  std::uint32_t thinning_ = 1;
  float thinned_rate_hz_ = 0.0F;
  float smoothing_ = 0.0F;  ///< of one low pass

  std::int32_t pending_sum_ = 0;
  std::uint32_t pending_ = 0;
  std::array<float, 3> low_pass_{};

  float previous_ = 0.0F;
  float since_crossing_ = kNoCrossing;  ///< thinned samples
  CycleAverage cycles_;
  std::uint8_t cycles_to_skip_ = 0;

  std::optional<float> period_;  ///< in thinned samples
  float period_age_ = 0.0F;      ///< thinned samples since `period_` was confirmed
};

}  // namespace alfaspark
