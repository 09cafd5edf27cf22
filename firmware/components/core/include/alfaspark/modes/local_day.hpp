// Days of local time, counted since 1970.
#pragma once

#include <cstdint>

namespace alfaspark {

constexpr std::int64_t kDayS = 86'400;

/// The day that a local time (seconds since 1970) falls on.
constexpr std::int64_t local_day(std::int64_t local_s) {
  return local_s >= 0 ? local_s / kDayS : -((-local_s + kDayS - 1) / kDayS);
}

constexpr std::int64_t kMinuteS = 60;

/// The import day: as the calendar's, but it begins at the reset time (minutes of the local day).
constexpr std::int64_t import_day_of(std::int64_t local_s, std::int32_t reset_time_min) {
  return local_day(local_s - reset_time_min * kMinuteS);
}

/// The local time at which an import day begins.
constexpr std::int64_t begin_of_import_day(std::int64_t import_day, std::int32_t reset_time_min) {
  return import_day * kDayS + reset_time_min * kMinuteS;
}

}  // namespace alfaspark
