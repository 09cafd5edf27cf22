// The usual way to measure a current on a microcontroller, written anew for comparison: one reading at a time, a fixed
// number of them, an offset that a slow filter follows, no regard for the mains cycle (emonLib's calcIrms).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace alfaspark::bench {

class UsualRms {
 public:
  static constexpr std::size_t kReadings = 1480;

  /// True when a result is there: `rms_counts`.
  bool add(std::uint16_t count) {
    offset_ += (count - offset_) / 1024.0F;
    const float filtered = count - offset_;
    sum_ += filtered * filtered;
    if (++readings_ < kReadings) return false;
    rms_counts_ = std::sqrt(sum_ / static_cast<float>(kReadings));
    sum_ = 0.0F;
    readings_ = 0;
    return true;
  }
  [[nodiscard]] float rms_counts() const { return rms_counts_; }

 private:
  float offset_ = 2048.0F;
  float sum_ = 0.0F;
  std::size_t readings_ = 0;
  float rms_counts_ = 0.0F;
};

}  // namespace alfaspark::bench
