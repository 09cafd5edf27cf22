#include "alfaspark/control/grid_loss_log.hpp"

#include <algorithm>
#include <bit>

#include "alfaspark/sensing/grid_sense.hpp"
#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {
namespace {

using frames::GridState;

constexpr std::uint8_t kVersion = 1;
constexpr std::int64_t kLongest = 0x7FFFFE;        // s, what GRID_LOSS can say
constexpr std::uint32_t kLastNumber = 0x7FFFFFFF;  // nobody lives to see it: numbers on flash never wrap

/// number u32, start u32, duration u24, state u8; little-endian.
using Record = StoredRecord<12>;

Record record_of_slot(std::size_t slot) { return {static_cast<std::uint8_t>(GridLossLog::kFirstKey + slot), kVersion}; }

std::uint32_t get(const Record::Content& content, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | content[at + i];
  return value;
}

void put(Record::Content& content, std::size_t at, std::size_t size, std::uint32_t value) {
  for (std::size_t i = 0; i < size; ++i, value >>= 8U) content[at + i] = static_cast<std::uint8_t>(value & 0xFFU);
}

std::uint32_t seconds_of(Micros duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>((duration + kSecond / 2) / kSecond, 0, kLongest));
}

/// Of a moment in this boot; the clock has to be valid.
std::int64_t unix_s_at(Micros at, Micros now, const Clock& clock) {
  return clock.unix_s(now).value_or(0) - (now - at) / kSecond;
}

std::uint32_t start_at(std::int64_t unix_s) { return static_cast<std::uint32_t>(std::max<std::int64_t>(unix_s, 0)); }

}  // namespace

void GridLossLog::load() {
  std::array<std::uint32_t, kLosses> numbers{};
  for (std::size_t slot = 0; slot < kLosses; ++slot) {
    auto record = record_of_slot(slot);
    if (record.load(storage_) != Loaded::kValid) continue;
    const auto number = get(record.content(), 0, 4);
    const auto state = get(record.content(), 11, 1);
    const bool can_be = number != 0 && number <= kLastNumber && slot_of(number) == slot &&
                        state >= static_cast<std::uint8_t>(State::kGoingOn) &&
                        state <= static_cast<std::uint8_t>(State::kEndUnknown);
    if (!can_be) continue;
    numbers[slot] = number;
    losses_[slot] = {.start_s = get(record.content(), 4, 4),
                     .duration_s = std::min(get(record.content(), 8, 3), static_cast<std::uint32_t>(kLongest)),
                     .state = static_cast<State>(state)};
    newest_ = std::max(newest_, number);
  }
  for (std::size_t slot = 0; slot < kLosses; ++slot) {
    auto& loss = losses_[slot];
    if (loss.state == State::kNone || numbers[slot] == newest_) continue;
    // One that a newer one has replaced, but for a write that was lost with the supply.
    if (newest_ - numbers[slot] >= kLosses) loss = {};
    // Its end was lost in the same way.
    if (loss.state == State::kGoingOn) loss.state = State::kEndUnknown;
  }
}

void GridLossLog::tick(Micros now, GridState grid, const Clock& clock) {
  if (!is_going_on()) {
    if (grid == GridState::kAbsent) begin(now, clock);
  } else if (grid == GridState::kAbsent) {
    is_absent_again_ = true;
  } else if (grid == GridState::kPresent || grid == GridState::kNotFitted) {
    // Power was back before the sense input called it so.
    end(std::max<Micros>(now - GridSense::kSettling, 0));
    on_changed(now, newest_);
  }
  if (wants_clock_ && clock.is_valid()) find_times(now, clock);
}

void GridLossLog::begin(Micros now, const Clock& clock) {
  ++newest_;
  const auto unix_s = clock.unix_s(now);
  loss(newest_) = {.start_s = unix_s ? start_at(*unix_s) : static_cast<std::uint32_t>(now / kSecond),
                   .state = State::kGoingOn,
                   .starts_at_uptime = !unix_s};
  wants_clock_ = wants_clock_ || !unix_s;
  begun_at_ = now;
  on_changed(now, newest_);
}

void GridLossLog::end(Micros at) {
  auto& ended = loss(newest_);
  if (begun_at_) {
    ended.duration_s = seconds_of(at - *begun_at_);
    ended.state = State::kEnded;
  } else {
    ended.state = State::kEndUnknown;
    // Where the grid was there as soon as it could be looked at, it came back while nobody did.
    if (is_absent_again_ && ended.start_s != 0) carried_end_ = CarriedEnd{newest_, at};
    wants_clock_ = wants_clock_ || carried_end_;
  }
  begun_at_.reset();
  is_absent_again_ = false;
}

void GridLossLog::find_times(Micros now, const Clock& clock) {
  wants_clock_ = false;
  for (std::uint32_t back = 0; back < kLosses; ++back) {
    auto& found = loss(newest_ - back);
    if (!found.starts_at_uptime) continue;
    found.start_s = start_at(unix_s_at(Micros{found.start_s} * kSecond, now, clock));
    found.starts_at_uptime = false;
    on_changed(now, newest_ - back);
  }
  if (!carried_end_) return;
  const auto [number, at] = *carried_end_;
  carried_end_.reset();
  auto& ended = loss(number);
  const auto duration_s = unix_s_at(at, now, clock) - std::int64_t{ended.start_s};
  // A clock that was wrong then or is now tells nothing.
  if (newest_ - number >= kLosses || duration_s < 0) return;
  ended.duration_s = static_cast<std::uint32_t>(std::min(duration_s, kLongest));
  ended.state = State::kEnded;
  on_changed(now, number);
}

void GridLossLog::on_changed(Micros now, std::uint32_t number) {
  if (to_write_ == 0) write_at_ = std::max(write_at_, now + kWriteDelay);
  to_write_ |= mask_of(number);
  to_tell_ |= mask_of(number);
}

void GridLossLog::write_due(Micros now) {
  if (to_write_ == 0 || now < write_at_ || rationed_until_ - now > (kWritesAtOnce - 1) * kWritePeriod) return;
  rationed_until_ = std::max(rationed_until_, now) + kWritePeriod;
  for (std::uint32_t back = kLosses; back-- > 0;) {
    if ((to_write_ & mask_of(newest_ - back)) == 0) continue;
    has_failed_ = !write(newest_ - back);
    if (has_failed_) write_at_ = now + kRetry;
    return;
  }
}

void GridLossLog::flush() {
  for (std::uint32_t back = kLosses; back-- > 0;) {
    if ((to_write_ & mask_of(newest_ - back)) != 0) has_failed_ = !write(newest_ - back);
  }
}

bool GridLossLog::write(std::uint32_t number) {
  const auto& written = loss(number);
  Record::Content content{};
  put(content, 0, 4, number);
  put(content, 4, 4, written.starts_at_uptime ? 0 : written.start_s);
  put(content, 8, 3, written.duration_s);
  put(content, 11, 1, static_cast<std::uint8_t>(written.state));
  auto record = record_of_slot(slot_of(number));
  record.set(0, content);
  record.flush(0, storage_);
  if (record.has_failed()) return false;
  to_write_ &= ~mask_of(number);
  return true;
}

std::size_t GridLossLog::size() const {
  return static_cast<std::size_t>(
      std::count_if(losses_.begin(), losses_.end(), [](const Loss& kept) { return kept.state != State::kNone; }));
}

frames::GridLoss GridLossLog::at(std::size_t index) const {
  for (std::uint32_t back = kLosses; back-- > 0;) {
    if (loss(newest_ - back).state == State::kNone) continue;
    if (index-- == 0) return frame_of(newest_ - back);
  }
  return {};
}

frames::GridLoss GridLossLog::frame_of(std::uint32_t number) const {
  const auto& told = loss(number);
  frames::GridLoss frame{.going_on = told.state == State::kGoingOn, .number = static_cast<std::uint8_t>(number)};
  if (told.start_s != 0 && !told.starts_at_uptime) frame.start_s = told.start_s;
  if (told.state == State::kEnded) frame.duration_s = told.duration_s;
  return frame;
}

std::optional<frames::GridLoss> GridLossLog::take_due(Micros now) {
  if (tell_all_at_ && now >= *tell_all_at_) {
    tell_all_at_.reset();
    for (std::size_t slot = 0; slot < kLosses; ++slot) {
      if (losses_[slot].state != State::kNone) to_tell_ |= 1U << slot;
    }
  }
  if (to_tell_ == 0 || now < tell_at_) return std::nullopt;
  tell_at_ = now + kTellGap;
  for (std::uint32_t back = kLosses; back-- > 0;) {
    const auto number = newest_ - back;
    if ((to_tell_ & mask_of(number)) == 0) continue;
    to_tell_ &= ~mask_of(number);
    return frame_of(number);
  }
  return std::nullopt;
}

}  // namespace alfaspark
