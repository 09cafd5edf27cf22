// The four AC currents: windows of RMS, turned into ampere by gain and noise floor, and what is wrong with an input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/sensing/rms_window.hpp"
#include "alfaspark/sensing/sample_block.hpp"
#include "alfaspark/sensing/signal_period.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class CurrentMeter {
 public:
  CurrentMeter(const Hardware& hardware, const Parameters& parameters);

  /// `sense_cycle_s`: length of a mains cycle from the sense input, where what that sees is what flows here. Without
  /// it, the strongest of the currents tells; without that, the nominal frequency. A block with a sampling rate outside
  /// 400 Hz to 100 kHz is dropped.
  void on_samples(Micros now, const SampleBlock& block, std::optional<float> sense_cycle_s);
  void tick(Micros now);

  /// nullopt before the first window, a second after the last one, and where the input has lost its bias.
  [[nodiscard]] std::optional<float> current_a(std::size_t channel) const { return channels_[channel].current_a; }
  /// As `current_a`, but at the nominal gain and without the noise floor: what a calibration starts from.
  [[nodiscard]] std::optional<float> uncalibrated_a(std::size_t channel) const {
    if (!channels_[channel].current_a) return std::nullopt;
    return channels_[channel].last.rms_counts * amperes_per_count_[channel];
  }
  /// The input is clipped (its current is then too low) or has lost its bias; held for 5 s.
  [[nodiscard]] bool clipped(std::size_t channel) const { return channels_[channel].clipped_until.has_value(); }

 private:
  struct ChannelState {
    explicit ChannelState(const Hardware& hardware) : window(hardware.clip_low_count, hardware.clip_high_count) {}

    RmsWindow window;
    RmsWindow::Result last{};
    std::optional<float> current_a;
    Micros measured_at = 0;
    std::optional<Micros> clipped_until;
  };

  [[nodiscard]] bool samples_lost(Micros now, const SampleBlock& block) const;
  void restart();
  void on_window(Micros now, std::size_t channel, const RmsWindow::Result& result);
  [[nodiscard]] float to_amperes(std::size_t channel, float rms_counts) const;
  void choose_reference();

  const Parameters& parameters_;
  std::array<float, kCurrentChannels> amperes_per_count_;
  float nominal_cycle_s_;
  std::array<ChannelState, kCurrentChannels> channels_;
  SignalPeriod signal_;
  std::size_t reference_ = 0;  ///< the channel that `signal_` follows
  std::optional<Micros> last_block_at_;
};

}  // namespace alfaspark
