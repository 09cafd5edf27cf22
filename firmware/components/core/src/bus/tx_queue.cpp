#include "alfaspark/bus/tx_queue.hpp"

#include <algorithm>

#include "alfaspark/bus/base_frame.hpp"

namespace alfaspark {
namespace {

/// Order on the wire, by the leading 11 bits first. With the same ones an 11-bit identifier beats a 29-bit one.
std::uint32_t arbitration(const CanFrame& frame) {
  if (!frame.extended) return frame.id << 19;
  return ((frame.id >> 18) << 19) | (frame.id & 0x3FFFFU);
}

/// Whether the newer frame makes the older one pointless.
bool replaces(const CanFrame& newer, const CanFrame& older) {
  if (newer.id != older.id) return false;
  switch (function_of(newer.id)) {
    case frames::Function::kResponse:
    case frames::Function::kFault:
      return false;
    case frames::Function::kEnergy:
    case frames::Function::kPulse:
      return newer.data[0] == older.data[0];  // another counter is another reading
    case frames::Function::kGridLoss:
      return newer.data[7] == older.data[7];  // the number: another loss
    default:
      return true;
  }
}

}  // namespace

void TxQueue::post(Micros now, const CanFrame& frame) {
  const auto end = frames_.begin() + static_cast<std::ptrdiff_t>(size_);
  const auto older = std::find_if(frames_.begin(), end, [&](const auto& waiting) { return replaces(frame, waiting); });
  if (older != end) {
    *older = frame;
  } else {
    insert(frame, size_);
  }
  pump(now);
}

void TxQueue::post_claim(Micros now, const CanFrame& frame) {
  if (in_flight_ && in_flight_->is_claim && !in_flight_->withdrawn) {
    if (can_.abort()) {
      in_flight_.reset();
    } else {
      in_flight_->withdrawn = true;
    }
  }
  claim_ = frame;
  claim_not_before_ = now;
  pump(now);
}

void TxQueue::withdraw_base_frames(Micros now) {
  size_ = 0;
  if (!in_flight_ || in_flight_->is_claim || in_flight_->withdrawn) return;
  if (can_.abort()) {
    in_flight_.reset();
    pump(now);
  } else {
    in_flight_->withdrawn = true;
  }
}

bool TxQueue::on_transmitted(Micros now, bool sent) {
  if (!in_flight_) return false;
  const auto done = *in_flight_;
  in_flight_.reset();
  const bool is_current_claim = done.is_claim && !done.withdrawn;
  if (is_current_claim && !sent && !claim_) {
    claim_ = done.frame;
    claim_not_before_ = now + kClaimBackoffMin + system_.random() % (kClaimBackoffMax - kClaimBackoffMin + 1);
  }
  if (!done.is_claim && !done.withdrawn && !sent) put_back(done.frame);
  pump(now);
  return is_current_claim && sent;
}

void TxQueue::on_bus_off() {
  online_ = false;
  size_ = 0;
  claim_.reset();
  in_flight_.reset();
}

void TxQueue::on_recovered(Micros now) {
  online_ = true;
  pump(now);
}

void TxQueue::tick(Micros now) {
  take_back_stalled(now);
  pump(now);
}

void TxQueue::take_back_stalled(Micros now) {
  if (!in_flight_ || now - in_flight_->since < kStall) return;
  // Refused to give it back: it should be on the wire. After another such time the report is not coming any more.
  if (!can_.abort() && now - in_flight_->since < 2 * kStall) return;
  const auto stalled = *in_flight_;
  in_flight_.reset();
  if (stalled.withdrawn) return;
  if (stalled.is_claim) {
    if (!claim_) claim_ = stalled.frame;
    return;
  }
  put_back(stalled.frame);
}

void TxQueue::put_back(const CanFrame& frame) {
  const auto end = frames_.begin() + static_cast<std::ptrdiff_t>(size_);
  if (std::none_of(frames_.begin(), end, [&](const auto& newer) { return replaces(newer, frame); })) {
    insert(frame, 0);
  }
}

void TxQueue::pump(Micros now) {
  if (!online_ || in_flight_) return;
  const auto first = first_in_arbitration();
  const bool claim_ready = claim_ && now >= claim_not_before_;
  if (claim_ready && (first == size_ || arbitration(*claim_) < arbitration(frames_[first]))) {
    const auto frame = *claim_;
    claim_.reset();
    transmit(now, frame, true);
  } else if (first < size_) {
    const auto frame = frames_[first];
    erase(first);
    transmit(now, frame, false);
  }
}

void TxQueue::transmit(Micros now, const CanFrame& frame, bool is_claim) {
  in_flight_ = InFlight{.frame = frame, .since = now, .is_claim = is_claim};
  if (can_.transmit(frame, is_claim)) return;
  in_flight_.reset();  // not taken: waits for the next tick
  if (!is_claim) {
    insert(frame, 0);
  } else if (!claim_) {
    claim_ = frame;
  }
}

void TxQueue::insert(const CanFrame& frame, std::size_t position) {
  if (size_ == kCapacity) {
    ++dropped_;
    const auto last = std::max_element(frames_.begin(), frames_.end(),
                                       [](const auto& a, const auto& b) { return arbitration(a) < arbitration(b); });
    if (arbitration(*last) <= arbitration(frame)) return;
    erase(static_cast<std::size_t>(last - frames_.begin()));
    position = std::min(position, size_);
  }
  const auto at = [this](std::size_t index) { return frames_.begin() + static_cast<std::ptrdiff_t>(index); };
  std::copy_backward(at(position), at(size_), at(size_ + 1));
  frames_[position] = frame;
  ++size_;
}

void TxQueue::erase(std::size_t index) {
  std::copy(frames_.begin() + static_cast<std::ptrdiff_t>(index) + 1,
            frames_.begin() + static_cast<std::ptrdiff_t>(size_), frames_.begin() + static_cast<std::ptrdiff_t>(index));
  --size_;
}

std::size_t TxQueue::first_in_arbitration() const {
  const auto end = frames_.begin() + static_cast<std::ptrdiff_t>(size_);
  return static_cast<std::size_t>(
      std::min_element(frames_.begin(), end,
                       [](const auto& a, const auto& b) { return arbitration(a) < arbitration(b); }) -
      frames_.begin());
}

}  // namespace alfaspark
