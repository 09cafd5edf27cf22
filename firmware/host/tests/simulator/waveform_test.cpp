#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "simulator/waveform/current_transformer.hpp"

using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kAmperesPerCount = 0.04;

double mean_of(const std::vector<std::uint16_t>& counts) {
  double sum = 0.0;
  for (const auto count : counts) sum += count;
  return sum / static_cast<double>(counts.size());
}

/// RMS without the mean, in A.
double rms_a(const std::vector<std::uint16_t>& counts) {
  const double mean = mean_of(counts);
  double sum = 0.0;
  for (const auto count : counts) sum += (count - mean) * (count - mean);
  return std::sqrt(sum / static_cast<double>(counts.size())) * kAmperesPerCount;
}

std::vector<std::uint16_t> sample(CurrentTransformer& ct, double amperes, double frequency_hz, double rate_hz,
                                  std::size_t samples) {
  std::vector<std::uint16_t> counts(samples);
  ct.sample(amperes, PhaseRun::of(0.25, frequency_hz, rate_hz), counts);
  return counts;
}

}  // namespace

TEST_CASE("the samples' RMS is the current's, with the noise in quadrature") {
  const double noise_a = std::hypot(CurrentTransformer::kNoiseCounts, std::sqrt(1.0 / 12.0)) * kAmperesPerCount;
  for (std::size_t channel = 0; channel < 4; ++channel) {
    CurrentTransformer ct(WaveShape::of_channel(channel), kAmperesPerCount, Random(channel));
    for (const double frequency_hz : {45.0, 50.0, 64.0}) {
      for (const double amperes : {0.5, 5.0, 40.0}) {
        const auto counts = sample(ct, amperes, frequency_hz, 8000.0, 8000);  // one second, whole cycles
        CAPTURE(channel, frequency_hz, amperes);
        CHECK(rms_a(counts) == Approx(std::hypot(amperes, noise_a)).epsilon(0.001));
        CHECK(std::abs(mean_of(counts) - 2048.0) < 21.0);
      }
    }
  }
}

TEST_CASE("blocks follow each other without a seam") {
  CurrentTransformer ct(WaveShape::of_channel(1), kAmperesPerCount, Random(1));
  std::vector<std::uint16_t> joined;
  for (int block = 0; block < 200; ++block) {
    std::vector<std::uint16_t> counts(40);
    ct.sample(20.0, PhaseRun::of(49.7 * block * 0.005, 49.7, 8000.0), counts);
    joined.insert(joined.end(), counts.begin(), counts.end());
  }
  std::vector<std::uint16_t> whole(8000);
  ct.sample(20.0, PhaseRun::of(0.0, 49.7, 8000.0), whole);
  for (std::size_t i = 0; i < whole.size(); ++i) REQUIRE(std::abs(joined[i] - whole[i]) < 12);
}

TEST_CASE("no current leaves bias and noise below the default noise floor") {
  CurrentTransformer ct(WaveShape::of_channel(0), kAmperesPerCount, Random(3));
  CHECK(rms_a(sample(ct, 0.0, 50.0, 8000.0, 8000)) < 0.045);
  ct.set_state(CtState::kOpen);
  CHECK(rms_a(sample(ct, 30.0, 50.0, 8000.0, 8000)) < 0.045);
}

TEST_CASE("a clipped input hits both ends at any current, and so does too much current") {
  CurrentTransformer ct(WaveShape::of_channel(0), kAmperesPerCount, Random(4));
  const auto hits_both_ends = [](const std::vector<std::uint16_t>& counts) {
    const auto [low, high] = std::minmax_element(counts.begin(), counts.end());
    return *low == 0 && *high == 4095;
  };
  CHECK_FALSE(hits_both_ends(sample(ct, 50.0, 50.0, 8000.0, 1600)));
  CHECK(hits_both_ends(sample(ct, 80.0, 50.0, 8000.0, 1600)));
  ct.set_state(CtState::kClip);
  CHECK(hits_both_ends(sample(ct, 0.0, 50.0, 8000.0, 1600)));
  CHECK(hits_both_ends(sample(ct, 10.0, 50.0, 1000.0, 200)));
}
