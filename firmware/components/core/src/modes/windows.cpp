#include "alfaspark/modes/windows.hpp"

#include <algorithm>

#include "alfaspark/modes/local_day.hpp"

namespace alfaspark {
namespace {

constexpr std::int64_t kDaysOfWeek = 7;

/// 0 Monday .. 6 Sunday; 1970-01-01 was a Thursday.
unsigned weekday_of(std::int64_t day) {
  constexpr std::int64_t kThursday = 3;
  return static_cast<unsigned>(((day + kThursday) % kDaysOfWeek + kDaysOfWeek) % kDaysOfWeek);
}

bool starts_on(const Window& window, std::int64_t day) { return (window.weekdays >> weekday_of(day) & 1U) != 0; }

bool contains(const Window& window, std::int64_t local_s) {
  const auto day = local_day(local_s);
  const auto minute = (local_s - day * kDayS) / kMinuteS;
  if (window.start_min < window.end_min) {
    return starts_on(window, day) && minute >= window.start_min && minute < window.end_min;
  }
  return (starts_on(window, day) && minute >= window.start_min) ||
         (starts_on(window, day - 1) && minute < window.end_min);
}

}  // namespace

bool is_inside_windows(const ModeSettings& settings, std::int64_t local_s) {
  return std::ranges::any_of(settings.windows,
                             [local_s](const auto& window) { return window && contains(*window, local_s); });
}

bool has_windows(const ModeSettings& settings) {
  return std::ranges::any_of(settings.windows, [](const auto& window) { return window.has_value(); });
}

}  // namespace alfaspark
