// Reproducible chance.
#pragma once

#include <cstdint>

namespace alfaspark::sim {

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and every seed gives a full-period stream.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    return mix(state_);
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  double between(double low, double high) { return low + (high - low) * unit(); }
  /// True with the given probability, 0..1.
  bool chance(double probability) { return probability > 0.0 && unit() < probability; }

  /// A stream of its own for `purpose`, independent of how many numbers were drawn from others.
  static Random derived(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index = 0) {
    return Random(mix(mix(mix(seed) ^ purpose) ^ index));
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
};

}  // namespace alfaspark::sim
