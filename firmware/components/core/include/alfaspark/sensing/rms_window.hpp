// True RMS of one channel over windows of whole mains cycles.
//
// All sums are integers and the variance is exact, so neither the bias nor the length of a window costs accuracy. A
// window ends between two samples: the sample at the edge counts for both windows, each with its share. Without that,
// half a sample too much is 0.016 % of the RMS at 8 kS/s, but 0.13 % at 1 kS/s.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace alfaspark {

class RmsWindow {
 public:
  /// 10 cycles, 200 ms at 50 Hz: the basic measurement interval of IEC 61000-4-30.
  static constexpr std::int64_t kCycles = 10;
  /// Bound of the sums. A sampling so fast that 10 cycles do not fit gets fewer.
  static constexpr std::int64_t kMaximumSamples = 4096;
  static constexpr std::int32_t kMidRange = 2048;

  struct Result {
    float rms_counts = 0.0F;   ///< without the mean
    float mean_counts = 0.0F;  ///< from mid-range: the bias of the input
    std::uint32_t clipped_samples = 0;
  };

  RmsWindow(std::uint16_t clip_low_count, std::uint16_t clip_high_count)
      : clip_low_count_(clip_low_count), clip_high_count_(clip_high_count) {}

  /// Drops the window that is open, for instance because samples were lost.
  void restart();

  /// Adds 12-bit samples (larger ones count as 4095). `period_samples` (1 to 4096): length of a mains cycle in samples,
  /// for the windows that begin in this block. Returns the last window that ended in it.
  std::optional<Result> add(std::span<const std::uint16_t> samples, float period_samples);

 private:
  void open(float period_samples);
  Result close() const;
  void accumulate(std::span<const std::uint16_t> samples);
  void accumulate_share(std::uint16_t sample, std::int64_t share);

  std::uint16_t clip_low_count_;
  std::uint16_t clip_high_count_;
  std::int64_t length_ = 0;  ///< of the open window, in 1/256 samples; 0: none is open
  std::int64_t weight_ = 0;  ///< what it has of that
  std::int64_t sum_ = 0;
  std::int64_t sum_of_squares_ = 0;
  std::uint32_t clipped_samples_ = 0;
};

}  // namespace alfaspark
