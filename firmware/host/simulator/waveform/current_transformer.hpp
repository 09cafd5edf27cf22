// A CT with its burden and one ADC input: amperes in, 12-bit counts out.
#pragma once

#include <cstdint>
#include <span>

#include "simulator/random.hpp"
#include "simulator/waveform/wave_shape.hpp"

namespace alfaspark::sim {

enum class CtState : std::uint8_t {
  kOk,
  kClip,  ///< the burden is far too large: both ends of the ADC are hit
  kOpen,  ///< the CT's wire is off: only bias and noise are left
};

/// What the sampling of a block needs to know of the alternating current. 2^32 is a whole cycle.
struct PhaseRun {
  std::uint32_t start = 0;  ///< phase of the first sample
  std::uint32_t step = 0;   ///< from one sample to the next

  /// `start_cycles`: phase of the first sample in cycles, any size.
  static PhaseRun of(double start_cycles, double frequency_hz, double sample_rate_hz);
};

class CurrentTransformer {
 public:
  /// RMS noise of the input in counts: at 50 A rated about 35 mA.
  static constexpr double kNoiseCounts = 0.8;

  /// The bias is off the middle by up to 20 counts, drawn from `random`, as is the noise.
  CurrentTransformer(const WaveShape& shape, double amperes_per_count, Random random);

  void set_state(CtState state) { state_ = state; }
  /// Fills `counts` with samples of a current of `rms_a`.
  void sample(double rms_a, const PhaseRun& phase, std::span<std::uint16_t> counts);

 private:
  const WaveShape& shape_;
  double amperes_per_count_;
  float bias_counts_;
  std::uint32_t noise_state_;
  CtState state_ = CtState::kOk;
};

}  // namespace alfaspark::sim
