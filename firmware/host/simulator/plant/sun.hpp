// The sun over the day, with clouds.
#pragma once

#include <cstdint>

namespace alfaspark::sim {

/// Sunshine at 36.7 degrees north as a share of the strongest, 0..1: the height of the sun over day and year, dimmed by
/// clouds that drift with the minutes on days that differ. A function of time alone, so that a leap in time is
/// harmless.
class Sun {
 public:
  explicit Sun(std::uint64_t seed) : seed_(seed) {}

  /// `local_s`: seconds of local time since 1970-01-01 00:00.
  [[nodiscard]] double irradiance(double local_s) const;

 private:
  [[nodiscard]] double cloudiness(double local_s) const;

  std::uint64_t seed_;
};

}  // namespace alfaspark::sim
