// R2: the length of a mains cycle, taken from a current.
#include "alfaspark/sensing/signal_period.hpp"

#include <cmath>
#include <random>

#include "catch.hpp"
#include "waveform.hpp"

namespace alfaspark::sensing_test {
namespace {

constexpr double kRateHz = 8000.0;

/// Feeds a SignalPeriod sample by sample, with noise.
struct Source {
  void run(double seconds, const Waveform& waveform, double frequency_hz) {
    for (int i = 0; i < static_cast<int>(seconds * kRateHz); ++i) {
      cycles += frequency_hz / kRateHz;
      const auto sample = static_cast<std::uint16_t>(waveform.sample(cycles) + std::lround(noise(random)));
      period.add(std::span(&sample, 1), static_cast<float>(kRateHz), 0.0F);
      if (const auto found = period.period_samples()) {
        worst = std::max(worst, std::abs(*found * frequency_hz / kRateHz - 1.0));
      }
    }
  }

  SignalPeriod period;
  double cycles = 0.0;
  double worst = 0.0;      ///< relative error
  std::mt19937 random{7};  // NOLINT(bugprone-random-generator-seed): the same noise in every run
  std::normal_distribution<double> noise{0.0, 1e-3};
};

Waveform with_amplitude(const std::vector<Harmonic>& harmonics, double counts, double phase = 0.0) {
  Waveform waveform(harmonics, 0.0, phase);
  waveform.set_amplitude(counts);
  return waveform;
}

TEST_CASE("R2: the cycle of a current is found from 45 to 65 Hz, whatever its harmonics", "[sensing][rms]") {
  const double frequency_hz = GENERATE(45.0, 47.3, 50.0, 55.5, 60.0, 65.0);
  const auto harmonics = GENERATE(0, 1);
  Source source;
  const Waveform waveform = with_amplitude(harmonics == 1 ? rectifiers() : sine(), 1000.0);
  source.run(0.5, waveform, frequency_hz);
  REQUIRE(source.period.period_samples());
  source.worst = 0.0;
  source.run(1.0, waveform, frequency_hz);
  CHECK(source.worst < 1e-4);
}

TEST_CASE("R2: what is no mains gives no cycle", "[sensing][rms]") {
  const double frequency_hz = GENERATE(20.0, 40.0, 70.0, 100.0, 400.0);
  Source source;
  source.run(1.5, with_amplitude(sine(), 500.0), frequency_hz);
  CHECK_FALSE(source.period.period_samples());
}

TEST_CASE("R2: the noise of the ADC costs no more than half a percent at 1 % of full scale", "[sensing][rms]") {
  Source source;
  source.noise = std::normal_distribution<double>(0.0, 3.0);
  const Waveform waveform = with_amplitude(sine(), 20.4);
  source.run(0.5, waveform, 51.7);
  REQUIRE(source.period.period_samples());
  source.worst = 0.0;
  source.run(10.0, waveform, 51.7);
  CHECK(source.worst < 0.005);
}

TEST_CASE("R2: a load that shifts the phase does not shift the frequency", "[sensing][rms]") {
  Source source;
  source.run(0.6, with_amplitude(sine(), 1000.0), 50.0);
  source.worst = 0.0;
  source.run(0.6, with_amplitude(sine(), 1000.0, GENERATE(0.7, -0.7)), 50.0);
  CHECK(source.period.period_samples());
  CHECK(source.worst < 0.001);
}

TEST_CASE("R2: a cycle is held for a second without a signal", "[sensing][rms]") {
  Source source;
  source.run(0.6, with_amplitude(sine(), 1000.0), 50.0);
  source.noise = std::normal_distribution<double>(0.0, 1e-9);
  source.run(0.9, with_amplitude(sine(), 0.0), 50.0);
  CHECK(source.period.period_samples());
  source.run(0.2, with_amplitude(sine(), 0.0), 50.0);
  CHECK_FALSE(source.period.period_samples());
}

}  // namespace
}  // namespace alfaspark::sensing_test
