#include "alfaspark/control/relays.hpp"

#include <algorithm>

namespace alfaspark {

void Relays::start(std::optional<ManualRelays> stored) {
  const bool is_taken_from_port = port_.kept_positions() && !(stored && stored->is_reset);
  const auto wanted = is_taken_from_port ? closed() : stored ? stored->closed : kFactoryDefault;
  manual_ = {.closed = static_cast<std::uint8_t>(wanted & kFactoryDefault)};
  for (std::size_t relay = 0; relay < kCount; ++relay) {
    const bool is_wanted_closed = (manual_.closed >> relay & 1U) != 0;
    if (port_.is_closed(relay) != is_wanted_closed) port_.set(relay, is_wanted_closed);
  }
}

void Relays::end_start_up() {
  std::replace(reasons_.begin(), reasons_.end(), frames::Reason::kStartUp, frames::Reason::kManual);
}

Relays::Verdict Relays::set_manual(Micros now, frames::Relay relay, bool closed) {
  const auto index = static_cast<std::size_t>(relay);
  if (port_.is_closed(index) != closed) {
    auto& moved_at = moved_at_[index];
    const auto minimum = parameters_.get(Parameter::kRelayMinManualTime) * kSecond;
    if (moved_at && now - *moved_at < minimum) return {frames::Result::kBusy, frames::Reason::kMinimumTime};
    moved_at = now;
    port_.set(index, closed);
  }
  manual_.closed = static_cast<std::uint8_t>(closed ? manual_.closed | bit(relay) : manual_.closed & ~bit(relay));
  reasons_[index] = frames::Reason::kManual;
  return {};
}

void Relays::forget_manual() { manual_ = {.closed = kFactoryDefault, .is_reset = true}; }

std::uint8_t Relays::closed() const {
  std::uint8_t bits = 0;
  for (std::size_t relay = 0; relay < kCount; ++relay) {
    if (port_.is_closed(relay)) bits = static_cast<std::uint8_t>(bits | 1U << relay);
  }
  return bits;
}

}  // namespace alfaspark
