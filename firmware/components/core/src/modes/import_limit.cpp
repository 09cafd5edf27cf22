#include "alfaspark/modes/import_limit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alfaspark/modes/local_day.hpp"

namespace alfaspark {
namespace {

constexpr double kWhPerCount = 10.0;  // x0.01 kWh

std::uint16_t to_counts(double energy_wh) {
  constexpr double kMost = std::numeric_limits<std::uint16_t>::max() - 1;
  return static_cast<std::uint16_t>(std::clamp(std::floor(energy_wh / kWhPerCount), 0.0, kMost));
}

}  // namespace

void ImportLimit::start(Micros now, const std::optional<ImportLatch>& stored, bool is_on) {
  started_at_ = now;
  is_on_ = is_on;
  last_limit_wh_ = limit_wh();
  if (!is_on) return;
  latch_ = stored.value_or(ImportLatch{});
  if (latch_.is_exhausted) held_wh_ = latch_.import_10wh * kWhPerCount;
  before_start_wh_ = held_wh_;
  stays_open_ = parameters_.get(Parameter::kImportLimitAfterRestart) == 1;
  if (stays_open_) latch_.is_exhausted = true;
}

void ImportLimit::update(Micros now, const Inputs& inputs) {
  grid_wh_ = inputs.grid_wh;
  is_on_ = inputs.is_on;
  if (inputs.local_s && day_) {
    follow_clock(now, *inputs.local_s);
  } else if (inputs.local_s) {
    meet_clock(now, *inputs.local_s);
  } else {
    count_day_without_clock(now);
  }
  judge();
}

/// The first time that is known after the start.
void ImportLimit::meet_clock(Micros now, std::int64_t local_s) {
  const auto reset_time = parameters_.get(Parameter::kImportResetTime);
  const auto today = import_day_of(local_s, reset_time);
  const auto since_s = (now - counted_since()) / kSecond;
  day_ = today;
  last_begun_day_ = today;
  if (import_day_of(local_s - since_s, reset_time) != today) {
    reset(now);  // passed while nobody told the time
    return;
  }
  if (latch_.is_exhausted && latch_.import_day && *latch_.import_day != static_cast<std::uint16_t>(today)) {
    before_start_wh_ = held_wh_ = 0.0;
    latch_ = {.is_exhausted = stays_open_};
  }
  if (latch_.is_exhausted) latch_.import_day = static_cast<std::uint16_t>(today);
}

void ImportLimit::follow_clock(Micros now, std::int64_t local_s) {
  const auto reset_time = parameters_.get(Parameter::kImportResetTime);
  const auto today = import_day_of(local_s, reset_time);
  const auto yesterday = *day_;
  day_ = today;
  if (today <= yesterday) return;  // a jump backwards never resets
  // A clock that was put back comes forward over the same reset time again; one that was far ahead is put right.
  const std::optional<Micros> begun_at = today == last_begun_day_ ? counted_since() : reset_at_;
  const Micros began_at = now - (local_s - begin_of_import_day(today, reset_time)) * kSecond;
  const bool is_begun = today <= last_begun_day_ && begun_at && began_at - *begun_at < kShortestDay;
  if (is_begun) return;
  last_begun_day_ = today;
  reset(now);
}

void ImportLimit::count_day_without_clock(Micros now) {
  if (now - counted_since() >= kDayWithoutClock) reset(now);
}

void ImportLimit::judge() {
  const auto limit = limit_wh();
  const bool is_raised_above = limit > last_limit_wh_ && limit > import_wh();
  last_limit_wh_ = limit;
  if (!is_on_ || is_raised_above) latch_ = {};
  if (!is_on_ || latch_.is_exhausted || import_wh() < limit) return;
  latch_ = {.is_exhausted = true, .import_day = std::nullopt, .import_10wh = to_counts(import_wh())};
  if (day_) latch_.import_day = static_cast<std::uint16_t>(*day_);
}

frames::Result ImportLimit::restore(std::uint16_t before_boot_10wh, std::uint16_t import_day) {
  if (!day_) return frames::Result::kBusy;
  if (static_cast<std::uint16_t>(*day_) != import_day || reset_at_) return frames::Result::kOutOfRange;
  // What the pack itself remembered of today counts more than what the host does.
  before_start_wh_ = std::max(before_boot_10wh * kWhPerCount, held_wh_);
  judge();
  return frames::Result::kAccepted;
}

void ImportLimit::reset(Micros now) {
  before_start_wh_ = held_wh_ = 0.0;
  counted_from_wh_ = grid_wh_;
  reset_at_ = now;
  latch_ = {};
}

bool ImportLimit::is_above(int share_pct) const {
  return is_on_ && (latch_.is_exhausted || import_wh() * 100.0 >= limit_wh() * share_pct);
}

double ImportLimit::limit_wh() const { return parameters_.get(Parameter::kImportLimit) * kWhPerCount; }

}  // namespace alfaspark
