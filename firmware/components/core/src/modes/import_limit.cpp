#include "alfaspark/modes/import_limit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alfaspark/modes/local_day.hpp"

namespace alfaspark {
namespace {

constexpr double kWhPerCount = 10.0;  // x0.01 kWh
constexpr double kWhPerMicrowattHour = 1e-6;

std::uint16_t to_counts(double energy_wh) {
  constexpr double kMost = std::numeric_limits<std::uint16_t>::max() - 1;
  return static_cast<std::uint16_t>(std::clamp(std::floor(energy_wh / kWhPerCount), 0.0, kMost));
}

}  // namespace

void ImportLimit::start(Micros now, const Before& before, bool is_on) {
  booted_at_ = started_at_ = now;
  grid_wh_ = counted_from_wh_ = before.grid_wh;
  is_on_ = is_on;
  last_limit_wh_ = limit_wh();
  if (before.carried) go_on(now, *before.carried);
  if (!is_on) return;
  latch_ = before.carried ? before.carried->latch : before.latch.value_or(ImportLatch{});
  if (latch_.is_exhausted && !before.carried) before_start_wh_ = held_wh_ = latch_.import_10wh * kWhPerCount;
  stays_open_ = parameters_.get(Parameter::kImportLimitAfterRestart) == 1;
  if (stays_open_) latch_.is_exhausted = true;
}

/// As if the restart had not been: the count, its age, its day.
void ImportLimit::go_on(Micros now, const CarriedImport& carried) {
  before_start_wh_ = held_wh_ = static_cast<double>(carried.import_uwh) * kWhPerMicrowattHour;
  const auto began_at = now - carried.counted_for_s * kSecond;
  if (carried.was_reset) {
    reset_at_ = began_at;
  } else {
    started_at_ = began_at;
  }
  day_ = carried.day;
  last_begun_day_ = carried.last_begun_day;
}

CarriedImport ImportLimit::carried(Micros now) const {
  CarriedImport carried{
      .import_uwh = static_cast<std::uint64_t>(std::llround(std::max(import_wh(), 0.0) / kWhPerMicrowattHour)),
      .counted_for_s = static_cast<std::uint32_t>((now - counted_since()) / kSecond),
      .was_reset = reset_at_.has_value(),
      .last_begun_day = static_cast<std::int32_t>(last_begun_day_),
      .latch = latch_};
  if (day_) carried.day = static_cast<std::int32_t>(*day_);
  return carried;
}

void ImportLimit::update(Micros now, const Inputs& inputs) {
  grid_wh_ = inputs.grid_wh;
  is_on_ = inputs.is_on;
  is_clock_set_ = inputs.local_s.has_value();
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
  // Where the day was known before a restart its end is not 24 h after its begin, in autumn at the latest.
  const auto since = day_ ? std::max(counted_since(), booted_at_) : counted_since();
  if (now - since < kDayWithoutClock) return;
  reset(now);
  day_.reset();  // one that was carried over is gone: the clock will tell which it is
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
  if (!is_clock_set_ || !day_) return frames::Result::kBusy;
  if (static_cast<std::uint16_t>(*day_) != import_day || was_reset_) return frames::Result::kOutOfRange;
  // What the pack itself remembered of today counts more than what the host does.
  before_start_wh_ = std::max(before_boot_10wh * kWhPerCount, held_wh_);
  judge();
  return frames::Result::kAccepted;
}

void ImportLimit::reset(Micros now) {
  before_start_wh_ = held_wh_ = 0.0;
  counted_from_wh_ = grid_wh_;
  reset_at_ = now;
  was_reset_ = true;
  latch_ = {};
}

bool ImportLimit::is_above(int share_pct) const {
  return is_on_ && (latch_.is_exhausted || import_wh() * 100.0 >= limit_wh() * share_pct);
}

double ImportLimit::limit_wh() const { return parameters_.get(Parameter::kImportLimit) * kWhPerCount; }

}  // namespace alfaspark
