// R2: what the metering does beside being accurate: islands, gain, noise floor, clipping, lost samples and inputs.
#include <cmath>
#include <vector>

#include "alfaspark/sensing/current_meter.hpp"
#include "bench.hpp"
#include "catch.hpp"

namespace alfaspark::sensing_test {
namespace {

Waveform sine_of(double amplitude_counts, double bias_counts = 0.0) {
  Waveform waveform(sine(), bias_counts, 0.3);
  waveform.set_amplitude(amplitude_counts);
  return waveform;
}

std::vector<Waveform> in_all_channels(const Waveform& waveform) { return {4, waveform}; }

/// Largest relative deviation of the grid channel from `truth_a` while the bench runs.
double worst_deviation(Bench& bench, Micros duration, double truth_a) {
  double worst = 0.0;
  bench.run(duration, [&] {
    const auto read = bench.sensing.readings().currents_a[0];
    worst = std::max(worst, read ? std::abs(*read / truth_a - 1.0) : 1.0);
  });
  return worst;
}

TEST_CASE("R2: the strongest current gives the cycles, whichever channel it is in", "[sensing][rms]") {
  Bench bench(plain_hardware(), without_noise_floor(), 46.7, 8000.0);
  bench.sense_pulses = false;
  bench.currents = in_all_channels(sine_of(0.0));
  bench.currents[3] = sine_of(900.0);
  bench.run(2 * kSecond);
  CHECK(*bench.sensing.readings().currents_a[3] == Approx(bench.currents[3].rms_counts()).epsilon(0.001));
  CHECK(*bench.sensing.readings().currents_a[0] == 0.0F);

  bench.currents[3] = sine_of(0.0);
  bench.currents[1] = sine_of(900.0);
  bench.run(2 * kSecond);
  CHECK(*bench.sensing.readings().currents_a[1] == Approx(bench.currents[1].rms_counts()).epsilon(0.001));
}

TEST_CASE("R2: two currents that take turns in being the stronger do not cost the cycles", "[sensing][rms]") {
  Bench bench(plain_hardware(), without_noise_floor(), 46.7, 8000.0);
  bench.sense_pulses = false;
  bench.currents = in_all_channels(sine_of(900.0));
  for (int turn = 0; turn < 10; ++turn) {
    bench.currents[1] = sine_of(turn % 2 == 0 ? 1000.0 : 800.0);
    bench.run(220 * kMillisecond);
  }
  CHECK(worst_deviation(bench, kSecond, bench.currents[0].rms_counts()) <= 0.001);
}

TEST_CASE("R2: RMS survives jitter of the sense pulses", "[sensing][rms]") {
  Bench bench(plain_hardware(), without_noise_floor(), 52.3, 8000.0);
  bench.pulse_jitter_us = 100.0;
  bench.currents = in_all_channels(sine_of(900.0));
  bench.run(1'600 * kMillisecond);
  CHECK(worst_deviation(bench, kSecond, bench.currents[0].rms_counts()) <= 0.001);
}

TEST_CASE("R2: an island is measured by its own frequency, not by that of the grid outside", "[sensing][rms]") {
  Bench bench(plain_hardware(), without_noise_floor(), 51.3, 8000.0);
  bench.grid_hz = 49.6;
  bench.relays_closed = 0x0E;
  bench.currents = in_all_channels(sine_of(900.0));
  bench.run(1'600 * kMillisecond);
  CHECK(worst_deviation(bench, 2 * kSecond, bench.currents[0].rms_counts()) <= 0.001);
}

TEST_CASE("R2: a window ends between two samples", "[sensing][rms]") {
  for (int step = 0; step <= 40; ++step) {
    const double frequency_hz = 45.0 + 0.5 * step;
    const Waveform waveform = sine_of(2000.0);
    std::vector<std::uint16_t> counts(3000);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] = waveform.sample(static_cast<double>(i) / 1000.0 * frequency_hz);
    }
    RmsWindow window(8, 4087);
    int windows = 0;
    for (const std::uint16_t& count : counts) {
      const auto result = window.add(std::span(&count, 1), static_cast<float>(1000.0 / frequency_hz));
      if (!result) continue;
      ++windows;
      INFO(frequency_hz << " Hz, window " << windows);
      CHECK(result->rms_counts == Approx(waveform.rms_counts()).epsilon(0.0004));
    }
    CHECK(windows >= 13);
  }
}

// At 1 kS/s the squares of the harmonics fold back to where a window of 10 cycles does not quite cancel them.
TEST_CASE("R2: RMS at 1 kS/s is still within 0.4 % or 0.05 % of full scale", "[sensing][rms]") {
  for (const bool sense_pulses : {true, false}) {
    for (int step = 0; step <= 40; ++step) {
      const double frequency_hz = 45.0 + 0.5 * step;
      Bench bench(plain_hardware(), without_noise_floor(), frequency_hz, 1000.0);
      bench.sense_pulses = sense_pulses;
      for (const double level : {0.01, 0.1, 0.4, 1.0}) {
        bench.currents.emplace_back(rectifiers(), 20.2, 1.0 + level).fill(level);
      }
      bench.run(2 * kSecond);
      for (std::size_t channel = 0; channel < 4; ++channel) {
        const double truth = bench.currents[channel].rms_counts();
        INFO(frequency_hz << " Hz, channel " << channel << ", sense " << sense_pulses);
        REQUIRE(bench.sensing.readings().currents_a[channel]);
        CHECK(*bench.sensing.readings().currents_a[channel] ==
              Approx(truth).epsilon(0.004).margin(0.0005 * kFullScaleRmsCounts));
      }
    }
  }
}

TEST_CASE("R2: without pulses and without a signal the nominal frequency counts", "[sensing][rms]") {
  Hardware hardware = plain_hardware();
  hardware.grid_sense_fitted = false;
  hardware.nominal_frequency_hz = 60.0F;
  Bench bench(hardware, without_noise_floor(), 60.0, 8000.0);
  bench.currents = in_all_channels(sine_of(2.2));  // too weak to take a frequency from
  bench.run(2 * kSecond);
  CHECK(*bench.sensing.readings().currents_a[0] == Approx(2.2 / std::sqrt(2.0)).margin(0.1));
}

TEST_CASE("R2: gain and noise floor turn counts into ampere, channel by channel", "[sensing]") {
  Hardware hardware;
  hardware.amperes_per_count = {0.02F, 0.02F, 0.02F, 0.01F};
  Parameters parameters = without_noise_floor();
  REQUIRE(parameters.set(Parameter::kCtGainInverter, 1'250'000));
  REQUIRE(parameters.set(Parameter::kCtNoiseFloorLoad1, 3000));
  REQUIRE(parameters.set(Parameter::kCtNoiseFloorLoad2, 3000));
  Bench bench(hardware, parameters, 50.0, 8000.0);
  bench.currents = in_all_channels(sine_of(250.0 * std::sqrt(2.0)));
  bench.run(2 * kSecond);
  const auto& currents_a = bench.sensing.readings().currents_a;
  CHECK(*currents_a[0] == Approx(5.0).epsilon(0.001));
  CHECK(*currents_a[1] == Approx(6.25).epsilon(0.001));
  CHECK(*currents_a[2] == Approx(4.0).epsilon(0.001));  // sqrt(5² - 3²)
  CHECK(*currents_a[3] == 0.0F);                        // 2.5 A under a floor of 3 A

  SECTION("and a changed parameter counts at once") {
    bench.parameters.set(Parameter::kCtGainInverter, 800'000);
    bench.run(300 * kMillisecond);
    CHECK(*bench.sensing.readings().currents_a[1] == Approx(4.0).epsilon(0.001));
  }
}

TEST_CASE("R2: the default noise floor silences an input that only sees noise", "[sensing]") {
  Hardware hardware;
  hardware.amperes_per_count.fill(0.02F);
  Bench bench(hardware, Parameters(), 50.0, 8000.0);
  bench.currents = in_all_channels(Waveform({{1, 0.5, 0.0}, {31, 1.0, 0.0}, {47, 1.0, 0.0}}, 0.5, 0.0));
  for (Waveform& current : bench.currents) current.set_amplitude(1.0);
  bench.run(2 * kSecond);
  CHECK(*bench.sensing.readings().currents_a[0] == 0.0F);
}

TEST_CASE("R2: clipping is a fault of its channel, held for 5 s", "[sensing]") {
  Bench bench(plain_hardware(), without_noise_floor(), 50.0, 8000.0);
  bench.currents = in_all_channels(sine_of(1500.0));
  bench.currents[2] = sine_of(2300.0);
  bench.run(kSecond);
  CHECK(bench.sensing.readings().clipped == std::array{false, false, true, false});
  CHECK(bench.sensing.readings().currents_a[2]);  // too low, but still good for a limit

  bench.currents[2] = sine_of(1500.0);
  bench.run(4'500 * kMillisecond);
  CHECK(bench.sensing.readings().clipped[2]);
  bench.run(kSecond);
  CHECK_FALSE(bench.sensing.readings().clipped[2]);
}

TEST_CASE("R2: an input at the rail or without its bias reads unknown, not 0", "[sensing]") {
  Bench bench(plain_hardware(), without_noise_floor(), 50.0, 8000.0);
  const double bias = GENERATE(-2048.0, 2047.0, -1300.0);
  bench.currents = in_all_channels(sine_of(300.0));
  bench.currents[3] = sine_of(0.0, bias);
  bench.run(kSecond);
  CHECK(bench.sensing.readings().currents_a[0]);
  CHECK_FALSE(bench.sensing.readings().currents_a[3]);
  CHECK(bench.sensing.readings().clipped[3]);
  CHECK_FALSE(bench.sensing.readings().powers.load2_w);
}

TEST_CASE("R2: currents are unknown before the first window and a second after the last sample", "[sensing]") {
  Bench bench(plain_hardware(), without_noise_floor(), 50.0, 8000.0);
  bench.currents = in_all_channels(sine_of(300.0));
  bench.run(150 * kMillisecond);
  CHECK_FALSE(bench.sensing.readings().currents_a[0]);
  bench.run(100 * kMillisecond);
  CHECK(bench.sensing.readings().currents_a[0]);
  bench.samples = false;
  bench.run(700 * kMillisecond);
  CHECK(bench.sensing.readings().currents_a[0]);
  bench.run(600 * kMillisecond);
  CHECK_FALSE(bench.sensing.readings().currents_a[0]);
  CHECK_FALSE(bench.sensing.readings().powers.home_w);
  bench.samples = true;
  bench.run(400 * kMillisecond);
  CHECK(bench.sensing.readings().currents_a[0]);
}

TEST_CASE("R2: a window with lost samples is dropped", "[sensing][rms]") {
  Bench bench(plain_hardware(), without_noise_floor(), 50.0, 8000.0);
  bench.currents = in_all_channels(sine_of(900.0));
  bench.run(1'600 * kMillisecond);
  for (int gap = 0; gap < 5; ++gap) {
    bench.samples = false;
    bench.run(65 * kMillisecond);  // three cycles and a quarter
    bench.samples = true;
    CHECK(worst_deviation(bench, 505 * kMillisecond, bench.currents[0].rms_counts()) <= 0.001);
  }
}

/// Hands one channel fewer samples than the others, as the ESP32's ADC does.
TEST_CASE("R2: channels with unequal sample counts keep their own windows", "[sensing][rms]") {
  const Parameters parameters = without_noise_floor();
  CurrentMeter meter(plain_hardware(), parameters);
  const Waveform waveform = sine_of(1000.0);
  std::array<int, 4> next{};
  Micros now = 0;
  for (int block = 0; block < 300; ++block) {
    now += 5 * kMillisecond;
    std::array<std::vector<std::uint16_t>, 4> counts;
    SampleBlock samples;
    samples.sample_rate_hz = 7990.0F;
    for (std::size_t channel = 0; channel < 4; ++channel) {
      const int count = 40 - static_cast<int>((static_cast<std::size_t>(block) + channel) % 3);
      for (int i = 0; i < count; ++i) counts[channel].push_back(waveform.sample(next[channel]++ / 7990.0 * 50.0));
      samples.channels[channel] = counts[channel];
    }
    meter.on_samples(now, samples, 0.02F);
    meter.tick(now);
  }
  for (std::size_t channel = 0; channel < 4; ++channel) {
    REQUIRE(meter.current_a(channel));
    CHECK(*meter.current_a(channel) == Approx(waveform.rms_counts()).epsilon(0.001));
  }
}

TEST_CASE("R2: a block with an absurd sampling rate changes nothing", "[sensing]") {
  const Parameters parameters = without_noise_floor();
  CurrentMeter meter(plain_hardware(), parameters);
  const std::vector<std::uint16_t> counts(40'000, 3000);
  for (const float rate_hz : {0.0F, -8000.0F, std::nanf(""), INFINITY, 1e9F}) {
    SampleBlock block;
    block.sample_rate_hz = rate_hz;
    block.channels.fill(counts);
    meter.on_samples(kSecond, block, 0.02F);
    CHECK_FALSE(meter.current_a(0));
  }
}

TEST_CASE("R2: a spike of the ADC is not clipping", "[sensing]") {
  RmsWindow window(8, 4087);
  std::vector<std::uint16_t> counts(1600, 2048);
  counts[700] = 4095;
  const auto result = window.add(counts, 160.0F);
  REQUIRE(result);
  CHECK(result->clipped_samples == 1);

  const Parameters parameters = without_noise_floor();
  CurrentMeter meter(plain_hardware(), parameters);
  SampleBlock block;
  block.sample_rate_hz = 8000.0F;
  block.channels.fill(counts);
  meter.on_samples(200 * kMillisecond, block, 0.02F);
  REQUIRE(meter.current_a(0));
  CHECK_FALSE(meter.clipped(0));
}

TEST_CASE("R2: sums of the largest values at the fastest rate do not overflow", "[sensing][rms]") {
  RmsWindow window(8, 4087);
  std::vector<std::uint16_t> counts(9000);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = i / 1000 % 2 == 0 ? 0 : 65535;
  const auto result = window.add(counts, 2000.0F);  // 100 kS/s at 50 Hz: two cycles make a window
  REQUIRE(result);
  CHECK(result->rms_counts == Approx(2047.5).epsilon(1e-6));
  CHECK(result->mean_counts == Approx(-0.5).margin(1e-3));
}

}  // namespace
}  // namespace alfaspark::sensing_test
