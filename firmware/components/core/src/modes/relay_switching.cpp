#include "alfaspark/modes/relay_switching.hpp"

namespace alfaspark {
namespace {

bool is_because_of_a_limit(frames::Reason reason) {
  return reason == frames::Reason::kImportLimitExhausted || reason == frames::Reason::kEcoShed;
}

}  // namespace

void RelaySwitching::place(frames::Relay relay, bool closed) {
  const auto index = static_cast<std::size_t>(relay);
  if (port_.is_closed(index) != closed) port_.set(index, closed);
}

void RelaySwitching::follow(Micros now, frames::Relay relay, const Wish& wish) {
  const auto index = static_cast<std::size_t>(relay);
  if (!wish.closed || port_.is_closed(index) == *wish.closed) {
    reasons_[index] = wish.reason;
    return;
  }
  const bool is_urgent = !*wish.closed && is_because_of_a_limit(wish.reason);
  if (!is_urgent && !is_free(now, index, *wish.closed)) {
    reasons_[index] = frames::Reason::kMinimumTime;
    return;
  }
  port_.set(index, *wish.closed);
  moved_at_[index] = now;
  moved_itself_at_[index] = now;
  reasons_[index] = wish.reason;
}

bool RelaySwitching::move_by_hand(Micros now, frames::Relay relay, bool closed) {
  const auto index = static_cast<std::size_t>(relay);
  if (port_.is_closed(index) != closed) {
    if (!is_past(now, moved_at_[index], Parameter::kRelayMinManualTime)) return false;
    port_.set(index, closed);
    moved_at_[index] = now;
  }
  reasons_[index] = frames::Reason::kManual;
  return true;
}

std::uint8_t RelaySwitching::closed() const {
  std::uint8_t bits = 0;
  for (std::size_t relay = 0; relay < kCurrentChannels; ++relay) {
    if (port_.is_closed(relay)) bits = static_cast<std::uint8_t>(bits | 1U << relay);
  }
  return bits;
}

bool RelaySwitching::is_free(Micros now, std::size_t relay, bool closed) const {
  if (closed && closings_from_ && now < *closings_from_) return false;
  return is_past(now, moved_at_[relay], Parameter::kRelayMinManualTime) &&
         is_past(now, moved_itself_at_[relay], Parameter::kRelayMinAutoTime);
}

bool RelaySwitching::is_past(Micros now, const std::optional<Micros>& moved_at, Parameter minimum) const {
  return !moved_at || now - *moved_at >= parameters_.get(minimum) * kSecond;
}

}  // namespace alfaspark
