// The calendar of the simulated place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// An instant with the clock offset of its place.
struct LocalTime {
  std::int64_t unix_us = 0;       ///< microseconds since 1970-01-01 UTC
  std::int32_t utc_offset_s = 0;  ///< local time minus UTC, -86399..86399

  /// Reads ISO 8601 with an offset: "2026-06-01T06:00:00+01:00", also "Z" and a fraction of a second; years 1970..2199.
  /// Throws std::invalid_argument with a sentence for the user.
  static LocalTime parse(std::string_view text);
  /// The time of this machine.
  static LocalTime of_this_machine();

  /// ISO 8601 with milliseconds and offset.
  [[nodiscard]] std::string format() const;
  /// Seconds of local time since 1970-01-01 00:00 local.
  [[nodiscard]] double local_s() const {
    return static_cast<double>(unix_us) / 1e6 + static_cast<double>(utc_offset_s);
  }
  [[nodiscard]] LocalTime plus(Micros elapsed) const { return {unix_us + elapsed, utc_offset_s}; }
};

}  // namespace alfaspark::sim
