// The time as Home Assistant tells it; it runs free until the next restart.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class Clock {
 public:
  /// A clock that never came counts as unknown from here on.
  static constexpr Micros kUnknownAfter = 150 * kSecond;

  void set(Micros now, const frames::commands::SetTime& time) { set_ = Setting{now, time}; }
  void count_invalid() { ++invalid_times_; }

  [[nodiscard]] bool is_valid() const { return set_.has_value(); }
  /// Seconds since 1970 UTC; nullopt until set.
  [[nodiscard]] std::optional<std::int64_t> unix_s(Micros now) const {
    if (!set_) return std::nullopt;
    return std::int64_t{set_->time.unix_s} + (now - set_->at) / kSecond;
  }
  /// Local minus UTC in minutes; nullopt until set.
  [[nodiscard]] std::optional<std::int16_t> utc_offset_min() const {
    if (!set_) return std::nullopt;
    return set_->time.utc_offset_min;
  }
  /// Local time in seconds since 1970; nullopt until set.
  [[nodiscard]] std::optional<std::int64_t> local_s(Micros now) const {
    constexpr std::int64_t kMinute = 60;
    if (!set_) return std::nullopt;
    return *unix_s(now) + set_->time.utc_offset_min * kMinute;
  }
  /// Times refused because they cannot be true.
  [[nodiscard]] std::uint32_t invalid_times() const { return invalid_times_; }

 private:
  struct Setting {
    Micros at;
    frames::commands::SetTime time;
  };
  std::optional<Setting> set_;
  std::uint32_t invalid_times_ = 0;
};

}  // namespace alfaspark
