// Samples of the ADC by channel. The driver's order is not to be trusted (espressif/esp-idf issues 10636, 12337): each
// sample goes where its own tag says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "alfaspark/sensing/sample_block.hpp"

namespace alfaspark::board {

class SampleSorter {
 public:
  /// Of one channel in one block; more are dropped.
  static constexpr std::size_t kMostSamples = 256;

  /// `adc_channels`: the ADC channel of each CT input, by alfaspark::Channel.
  explicit SampleSorter(const std::array<int, kCurrentChannels>& adc_channels) : adc_channels_(adc_channels) {}

  void clear() { counts_ = {}; }
  /// A sample of a channel that no CT has is dropped.
  void add(int adc_channel, std::uint16_t count) {
    for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
      if (adc_channels_[channel] != adc_channel || counts_[channel] == kMostSamples) continue;
      samples_[channel][counts_[channel]++] = count;
    }
  }
  /// Valid until the next `clear`.
  [[nodiscard]] SampleBlock block(float sample_rate_hz) const {
    SampleBlock block;
    block.sample_rate_hz = sample_rate_hz;
    for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
      block.channels[channel] = std::span(samples_[channel]).first(counts_[channel]);
    }
    return block;
  }
  /// Of the channel that has the most.
  [[nodiscard]] std::size_t samples() const {
    std::size_t most = 0;
    for (const auto count : counts_) most = count > most ? count : most;
    return most;
  }

 private:
  std::array<int, kCurrentChannels> adc_channels_;
  std::array<std::array<std::uint16_t, kMostSamples>, kCurrentChannels> samples_{};
  std::array<std::size_t, kCurrentChannels> counts_{};
};

}  // namespace alfaspark::board
