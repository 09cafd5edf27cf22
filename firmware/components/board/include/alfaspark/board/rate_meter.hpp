// The rate at which samples really come: about 80 % of the requested one on this chip (espressif/esp-idf issue 16768).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark::board {

class RateMeter {
 public:
  /// Measured over so long, again and again.
  static constexpr Micros kWindow = 2 * kSecond;

  /// `samples` of a channel arrived until `now`.
  void add(Micros now, std::size_t samples) {
    if (!began_at_) {
      began_at_ = now;  // how long the first block took is not known
      return;
    }
    samples_ += samples;
    const Micros passed = now - *began_at_;
    if (passed < kWindow) return;
    rate_hz_ = static_cast<float>(samples_) * 1e6F / static_cast<float>(passed);
    began_at_ = now;
    samples_ = 0;
  }
  /// Samples were lost: what runs is worth nothing.
  void restart() {
    began_at_.reset();
    samples_ = 0;
  }
  /// nullopt before the first window.
  [[nodiscard]] std::optional<float> rate_hz() const { return rate_hz_; }

 private:
  std::optional<Micros> began_at_;
  std::uint64_t samples_ = 0;
  std::optional<float> rate_hz_;
};

}  // namespace alfaspark::board
