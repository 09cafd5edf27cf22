// A Sensing on a bench: mains, sample blocks and ticks at their times, and a serial port that a test answers.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "alfaspark/sensing/sensing.hpp"
#include "waveform.hpp"

namespace alfaspark::sensing_test {

/// Collects what was sent.
class Line final : public SerialPort {
 public:
  void set_baud_rate(std::uint32_t baud_rate) override { baud_rate_ = baud_rate; }
  bool write(std::span<const std::uint8_t> bytes) override {
    if (!takes) return false;
    sent.emplace_back(bytes.begin(), bytes.end());
    return true;
  }
  [[nodiscard]] std::uint32_t baud_rate() const { return baud_rate_; }

  std::vector<std::vector<std::uint8_t>> sent;
  bool takes = true;

 private:
  std::uint32_t baud_rate_ = 0;
};

/// Counts are amperes and nothing is cut off, so that an error shows in counts.
inline Hardware plain_hardware() {
  Hardware hardware;
  hardware.amperes_per_count.fill(1.0F);
  return hardware;
}

inline Parameters without_noise_floor() {
  Parameters parameters;
  for (int channel = 0; channel < 4; ++channel) {
    parameters.set(static_cast<Parameter>(static_cast<int>(Parameter::kCtNoiseFloorGrid) + channel), 0);
  }
  return parameters;
}

constexpr std::uint8_t kAllClosed = 0x0F;
constexpr Micros kTick = 5 * kMillisecond;

/// Mains of one frequency with a current in each channel, sampled and ticked every 5 ms.
class Bench {
 public:
  Bench(const Hardware& hardware, const Parameters& initial, double frequency_hz, double sample_rate_hz)
      : parameters(initial),
        sensing(hardware, line, parameters),
        grid_hz(frequency_hz),
        frequency_hz_(frequency_hz),
        sample_rate_hz_(sample_rate_hz) {
    sensing.start(0);
  }

  void run(Micros duration, const std::function<void()>& after_tick = {}) {
    for (const Micros end = now + duration; now < end;) {
      now += kTick;
      pulse();
      sample();
      sensing.tick(now, relays_closed);
      if (after_tick) after_tick();
    }
  }

  Line line;
  Parameters parameters;
  Sensing sensing;
  std::vector<Waveform> currents;
  double grid_hz;  ///< of the pulses; set before the first run
  double pulse_jitter_us = 0.0;
  bool sense_pulses = true;
  bool samples = true;
  std::uint8_t relays_closed = kAllClosed;
  Micros now = 0;

 private:
  void pulse() {
    for (;; ++cycle_) {
      const double late_us = pulse_jitter_us * std::fmod(cycle_ * 0.618034, 1.0);
      const auto at = static_cast<Micros>(std::llround(cycle_ / grid_hz * 1e6 + late_us));
      if (at > now) return;
      if (sense_pulses) sensing.on_grid_pulse(at);
    }
  }

  void sample() {
    std::array<std::vector<std::uint16_t>, kCurrentChannels> counts;
    for (; sample_ / sample_rate_hz_ * 1e6 <= static_cast<double>(now); ++sample_) {
      for (std::size_t channel = 0; channel < currents.size(); ++channel) {
        counts[channel].push_back(currents[channel].sample(sample_ / sample_rate_hz_ * frequency_hz_));
      }
    }
    if (!samples) return;
    SampleBlock block;
    block.sample_rate_hz = static_cast<float>(sample_rate_hz_);
    for (std::size_t channel = 0; channel < currents.size(); ++channel) block.channels[channel] = counts[channel];
    sensing.on_samples(now, block);
  }

  double frequency_hz_;
  double sample_rate_hz_;
  double cycle_ = 0.0;
  double sample_ = 0.0;
};

}  // namespace alfaspark::sensing_test
