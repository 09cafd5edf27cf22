// Currents as the ADC sees them: a fundamental with harmonics on a bias, rounded to 12 bits; and what their RMS is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace alfaspark::sensing_test {

constexpr double kMidCount = 2048.0;
constexpr double kLargestPeakCounts = 2038.0;  ///< of a sine that the default clip limits (8, 4087) leave alone
constexpr double kFullScaleRmsCounts = kLargestPeakCounts / std::numbers::sqrt2;

struct Harmonic {
  int order = 1;
  double share = 1.0;  ///< of the fundamental's amplitude
  double phase = 0.0;
};

class Waveform {
 public:
  Waveform(std::vector<Harmonic> harmonics, double bias_counts, double phase)
      : harmonics_(std::move(harmonics)), bias_counts_(bias_counts), phase_(phase) {}

  /// Scales it so that its largest excursion, bias included, is `level` of the largest one that is not clipped.
  void fill(double level) {
    double peak = 0.0;
    for (int i = 0; i < 3600; ++i) peak = std::max(peak, std::abs(shape(i / 3600.0)));
    amplitude_counts_ = level * (kLargestPeakCounts - std::abs(bias_counts_)) / peak;
  }
  void set_amplitude(double counts) { amplitude_counts_ = counts; }

  [[nodiscard]] double rms_counts() const {
    double sum = 0.0;
    for (const Harmonic& harmonic : harmonics_) sum += harmonic.share * harmonic.share / 2.0;
    return amplitude_counts_ * std::sqrt(sum);
  }

  /// `cycles`: time in cycles of the fundamental.
  [[nodiscard]] std::uint16_t sample(double cycles) const {
    const double counts = kMidCount + bias_counts_ + amplitude_counts_ * shape(cycles);
    return static_cast<std::uint16_t>(std::clamp(std::lround(counts), 0L, 4095L));
  }

 private:
  [[nodiscard]] double shape(double cycles) const {
    double value = 0.0;
    for (const Harmonic& harmonic : harmonics_) {
      const double angle = 2.0 * std::numbers::pi * harmonic.order * cycles + harmonic.phase + harmonic.order * phase_;
      value += harmonic.share * std::sin(angle);
    }
    return value;
  }

  std::vector<Harmonic> harmonics_;
  double bias_counts_;
  double phase_;
  double amplitude_counts_ = 0.0;
};

inline std::vector<Harmonic> sine() { return {{}}; }
/// A house full of rectifiers: 3rd, 5th and 7th.
inline std::vector<Harmonic> rectifiers() { return {{}, {3, 0.6, 2.9}, {5, 0.35, 0.4}, {7, 0.2, 3.3}}; }
inline std::vector<Harmonic> flattened() { return {{}, {3, 0.2, 0.0}, {5, 0.1, 1.0}, {7, 0.05, 2.0}}; }

}  // namespace alfaspark::sensing_test
