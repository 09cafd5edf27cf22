// What a mains cycle may be, and the mean length of the last ones.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace alfaspark {

/// 45 and 65 Hz, with room for the jitter of a time stamp.
constexpr float kLowestMainsHz = 44.9F;
constexpr float kHighestMainsHz = 65.2F;

/// Mean over the last 16 cycles, a third of a second: the jitter of single edges counts a sixteenth.
class CycleAverage {
 public:
  static constexpr std::size_t kCycles = 16;
  static constexpr std::size_t kMinimumCycles = 5;

  /// Length of one cycle, in whatever unit the caller counts.
  void add(float length) {
    lengths_[next_] = length;
    next_ = (next_ + 1) % kCycles;
    if (count_ < kCycles) ++count_;
  }

  void reset() {
    count_ = 0;
    next_ = 0;
  }

  /// nullopt until 5 cycles in a row were added.
  [[nodiscard]] std::optional<float> mean() const {
    if (count_ < kMinimumCycles) return std::nullopt;
    float sum = 0.0F;
    for (std::size_t i = 0; i < count_; ++i) sum += lengths_[i];
    return sum / static_cast<float>(count_);
  }

 private:
  std::array<float, kCycles> lengths_{};
  std::size_t count_ = 0;
  std::size_t next_ = 0;
};

}  // namespace alfaspark
