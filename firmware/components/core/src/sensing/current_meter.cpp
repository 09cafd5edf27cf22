#include "alfaspark/sensing/current_meter.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark {

namespace {

constexpr float kLowestRateHz = 400.0F;
constexpr float kHighestRateHz = 100'000.0F;
constexpr Micros kLongestGap = 50 * kMillisecond;
constexpr Micros kStale = kSecond;
constexpr Micros kClippedHold = 5 * kSecond;
constexpr std::uint32_t kClippedSamples = 3;  // in a window: one spike of the ADC is not clipping
// The bias is designed to mid-range; a quarter of the range away the divider or the CT's wiring is broken.
constexpr float kLargestBias = 1024.0F;

}  // namespace

CurrentMeter::CurrentMeter(const Hardware& hardware, const Parameters& parameters)
    : parameters_(parameters),
      amperes_per_count_(hardware.amperes_per_count),
      nominal_cycle_s_(1.0F / hardware.nominal_frequency_hz),
      channels_{ChannelState(hardware), ChannelState(hardware), ChannelState(hardware), ChannelState(hardware)} {}

void CurrentMeter::on_samples(Micros now, const SampleBlock& block, std::optional<float> sense_cycle_s) {
  const float rate_hz = block.sample_rate_hz;
  if (!(rate_hz >= kLowestRateHz && rate_hz <= kHighestRateHz)) return;
  if (samples_lost(now, block)) restart();
  last_block_at_ = now;

  signal_.add(block.channels[reference_], rate_hz, channels_[reference_].last.mean_counts);
  float period_samples = nominal_cycle_s_ * rate_hz;
  if (sense_cycle_s) {
    period_samples = *sense_cycle_s * rate_hz;
  } else if (const auto signal_period = signal_.period_samples(); signal_period) {
    period_samples = *signal_period;
  }
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    const auto result = channels_[channel].window.add(block.channels[channel], period_samples);
    if (result) on_window(now, channel, *result);
  }
  choose_reference();
}

bool CurrentMeter::samples_lost(Micros now, const SampleBlock& block) const {
  if (!last_block_at_) return false;
  std::size_t longest = 0;
  for (const auto& samples : block.channels) longest = std::max(longest, samples.size());
  const auto covered = static_cast<Micros>(static_cast<float>(longest) * 1e6F / block.sample_rate_hz);
  return now - *last_block_at_ - covered > kLongestGap;
}

void CurrentMeter::restart() {
  for (ChannelState& channel : channels_) channel.window.restart();
  signal_.restart();
}

void CurrentMeter::on_window(Micros now, std::size_t channel, const RmsWindow::Result& result) {
  ChannelState& state = channels_[channel];
  state.last = result;
  state.measured_at = now;
  const bool biased = std::abs(result.mean_counts) <= kLargestBias;
  state.current_a = biased ? std::optional(to_amperes(channel, result.rms_counts)) : std::nullopt;
  if (!biased || result.clipped_samples >= kClippedSamples) state.clipped_until = now + kClippedHold;
}

float CurrentMeter::to_amperes(std::size_t channel, float rms_counts) const {
  const auto gain_ppm = static_cast<float>(parameters_.get(of_channel(Parameter::kCtGainGrid, channel)));
  const auto floor_ma = static_cast<float>(parameters_.get(of_channel(Parameter::kCtNoiseFloorGrid, channel)));
  const float measured_a = rms_counts * amperes_per_count_[channel] * (gain_ppm * 1e-6F);
  const float floor_a = floor_ma * 1e-3F;
  // Noise that is not correlated with the current adds to it in quadrature.
  return measured_a > floor_a ? std::sqrt((measured_a - floor_a) * (measured_a + floor_a)) : 0.0F;
}

void CurrentMeter::choose_reference() {
  std::size_t strongest = reference_;
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    if (channels_[channel].last.rms_counts > channels_[strongest].last.rms_counts) strongest = channel;
  }
  if (strongest == reference_) return;
  reference_ = strongest;
  signal_.restart();
}

void CurrentMeter::tick(Micros now) {
  for (ChannelState& channel : channels_) {
    if (channel.current_a && now - channel.measured_at > kStale) channel.current_a.reset();
    if (channel.clipped_until && now >= *channel.clipped_until) channel.clipped_until.reset();
  }
}

}  // namespace alfaspark
