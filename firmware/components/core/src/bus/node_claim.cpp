#include "alfaspark/bus/node_claim.hpp"

#include <algorithm>

namespace alfaspark {

std::uint8_t NodeClaim::hashed_number(std::uint64_t serial) {
  // The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the serial moves every bit of the result.
  auto hash = serial + 0x9E3779B97F4A7C15U;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9U;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBU;
  hash ^= hash >> 31;
  return static_cast<std::uint8_t>(1 + hash % kNodes);
}

void NodeClaim::start(Micros now, std::optional<std::uint8_t> stored) {
  claim(now, stored && is_node(*stored) ? *stored : hashed_number(serial_));
}

void NodeClaim::tick(Micros now, const Presence& presence) {
  if (state_ == State::kClaiming && claim_sent_ && now - since_ >= kListen) {
    state_ = State::kHeld;
    since_ = now;
  } else if (state_ == State::kNoneFree && now - since_ >= kSecond) {
    since_ = now;
    if (const auto number = presence.free_number(now, 0, 0)) {
      claim(now, *number);
    } else if (now - zero_claimed_at_ >= kNoneFreePeriod) {
      zero_claimed_at_ = now;
      claim_due_ = true;
    }
  }
}

void NodeClaim::on_claim(Micros now, const Presence::Claimant& other, const Presence& presence) {
  if (other.serial == serial_ || state_ == State::kOffBus || !is_node(other.node) || other.node != number_) return;
  const bool is_lower = other.serial < serial_;
  if (is_lower) note_lower(other.serial);
  const bool settled = is_settled(now);
  if (settled && other.held) conflict_at_ = now;
  if (other.held != settled ? other.held : is_lower) {
    // The losers line up on the free numbers by serial: a winner that is one of the lower ones takes no place there.
    move(now, presence, lower_count_ - (is_lower ? 1U : 0U));
  } else {
    claim_due_ = true;
  }
}

void NodeClaim::on_base_frame(Micros now, std::uint8_t node, const Presence& presence) {
  if (node != number_ || state_ == State::kOffBus) return;
  if (state_ == State::kHeld) conflict_at_ = now;
  if (is_settled(now)) {
    claim(now, number_);
  } else {
    // The other one is at home there, or does not know claims: to claim the number again would never end.
    move(now, presence, lower_count_);
  }
}

void NodeClaim::on_claim_sent(Micros now) {
  if (state_ != State::kClaiming || claim_sent_) return;
  claim_sent_ = true;
  since_ = now;
}

void NodeClaim::on_bus_off() {
  state_ = State::kOffBus;
  claim_due_ = false;
}

void NodeClaim::on_recovered(Micros now) {
  if (state_ == State::kOffBus) claim(now, is_node(number_) ? number_ : hashed_number(serial_));
}

bool NodeClaim::take_due_claim() {
  const bool due = claim_due_;
  claim_due_ = false;
  return due;
}

void NodeClaim::claim(Micros now, std::uint8_t number) {
  state_ = State::kClaiming;
  number_ = number;
  since_ = now;
  claim_sent_ = false;
  claim_due_ = true;
  lower_count_ = 0;
}

void NodeClaim::move(Micros now, const Presence& presence, std::size_t index) {
  if (const auto number = presence.free_number(now, index, number_)) {
    claim(now, *number);
    return;
  }
  state_ = State::kNoneFree;
  number_ = 0;
  since_ = now;
  zero_claimed_at_ = now;
  claim_due_ = true;
}

void NodeClaim::note_lower(std::uint64_t serial) {
  const auto end = lower_.begin() + static_cast<std::ptrdiff_t>(lower_count_);
  if (lower_count_ < lower_.size() && std::find(lower_.begin(), end, serial) == end) lower_[lower_count_++] = serial;
}

}  // namespace alfaspark
