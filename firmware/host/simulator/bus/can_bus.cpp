#include "simulator/bus/can_bus.hpp"

#include <algorithm>
#include <limits>

namespace alfaspark::sim {
namespace {

constexpr int kIntermissionBits = 3;
constexpr int kEndOfFrameBits = 7;
constexpr int kErrorFrameBits = 6 + 8;  // error flag and delimiter
constexpr int kBusOffErrors = 256;
constexpr Micros kRecoveryTime = kBitTime * 128 * 11;

}  // namespace

void CanBus::attach(Station& station, std::size_t segment) {
  station.attachment_ = next_attachment_++;
  station.segment_ = segment;
  station.pending_.reset();
  station.on_wire_ = false;
  station.bus_off_ = false;
  station.transmit_errors_ = 0;
  stations_.push_back(&station);
  request_arbitration(segment);
}

void CanBus::detach(Station& station) {
  take_off_wire(station);
  station.pending_.reset();
  station.attachment_ = 0;
  std::erase(stations_, &station);
}

void CanBus::move(Station& station, std::size_t segment) {
  if (station.segment_ == segment) return;
  take_off_wire(station);
  station.segment_ = segment;
  if (station.attachment_ != 0) request_arbitration(segment);
}

bool CanBus::offer(Station& station, const BusFrame& frame, bool single_shot) {
  if (station.attachment_ == 0 || station.bus_off_ || station.pending_) return false;
  station.pending_ = Station::Pending{frame, single_shot};
  request_arbitration(station.segment_);
  return true;
}

bool CanBus::withdraw(Station& station) {
  if (!station.pending_ || station.on_wire_) return false;
  station.pending_.reset();
  return true;
}

void CanBus::force_bus_off(Station& station) {
  if (station.attachment_ != 0 && !station.bus_off_) enter_bus_off(station);
}

void CanBus::recover(Station& station) {
  if (station.attachment_ == 0 || !station.bus_off_) return;
  timeline_.after(kRecoveryTime, [this, subject = &station, attachment = station.attachment_] {
    const bool still_there = std::find(stations_.begin(), stations_.end(), subject) != stations_.end();
    if (!still_there || subject->attachment_ != attachment || !subject->bus_off_) return;
    subject->bus_off_ = false;
    subject->transmit_errors_ = 0;
    subject->on_recovered();
  });
}

void CanBus::retry() {
  for (std::size_t segment = 0; segment < kSegments; ++segment) request_arbitration(segment);
}

/// One bit time later at the earliest, so that all who want to send at one instant compete.
void CanBus::request_arbitration(std::size_t segment) {
  Segment& wire = segments_[segment];
  if (wire.busy || wire.arbitration_due) return;
  wire.arbitration_due = true;
  timeline_.at(std::max(timeline_.now() + kBitTime, wire.idle_at), [this, segment] { arbitrate(segment); });
}

void CanBus::arbitrate(std::size_t segment) {
  Segment& wire = segments_[segment];
  wire.arbitration_due = false;
  std::uint32_t best = std::numeric_limits<std::uint32_t>::max();
  wire.senders.clear();
  for (Station* station : stations_) {
    if (station->segment_ != segment || !station->pending_) continue;
    const std::uint32_t order = arbitration_order(station->pending_->frame);
    if (order > best) continue;
    if (order < best) wire.senders.clear();
    best = order;
    wire.senders.push_back(station);
  }
  if (wire.senders.empty()) return;

  const BusFrame& frame = wire.senders.front()->pending_->frame;
  bool damaged = std::any_of(wire.senders.begin(), wire.senders.end(),
                             [&](const Station* other) { return !same_bits(frame, other->pending_->frame); });
  if (!is_acknowledged(segment, wire.senders)) {
    const auto gives_up = [](const Station* station) { return station->pending_->single_shot; };
    // A controller repeats an unacknowledged frame for as long as it takes; nobody could tell, so nothing is done.
    if (std::none_of(wire.senders.begin(), wire.senders.end(), gives_up)) {
      wire.senders.clear();
      return;
    }
    damaged = true;
  }
  damaged = damaged || random_.chance(quality_.corrupt);

  const int bits = wire_bits(frame) - kIntermissionBits + (damaged ? kErrorFrameBits - kEndOfFrameBits : 0);
  wire.busy = true;
  for (Station* sender : wire.senders) sender->on_wire_ = true;
  timeline_.after(bits * kBitTime, [this, segment, damaged] { complete(segment, damaged); });
  give_up_losers(segment);
}

/// A single shot is over with a lost arbitration too, as in the ESP32's controller.
void CanBus::give_up_losers(std::size_t segment) {
  for (Station* station : stations_) {
    if (station->segment_ != segment || station->on_wire_ || !station->pending_) continue;
    if (!station->pending_->single_shot) continue;
    station->pending_.reset();
    station->on_transmitted(false);
  }
}

bool CanBus::is_acknowledged(std::size_t segment, const std::vector<Station*>& senders) const {
  if (quality_.acknowledged) return true;
  return std::any_of(stations_.begin(), stations_.end(), [&](const Station* station) {
    return station->segment_ == segment && !station->bus_off_ &&
           std::find(senders.begin(), senders.end(), station) == senders.end();
  });
}

void CanBus::complete(std::size_t segment, bool damaged) {
  Segment& wire = segments_[segment];
  wire.busy = false;
  wire.idle_at = timeline_.now() + kIntermissionBits * kBitTime;
  const std::vector<Station*> senders = std::move(wire.senders);
  wire.senders.clear();
  request_arbitration(segment);  // before the reports, so that what they offer competes with what waits
  if (senders.empty()) return;   // whoever sent it was cut off in the middle
  for (Station* sender : senders) sender->on_wire_ = false;
  if (damaged) {
    for (Station* sender : senders) finish_failed(*sender);
    return;
  }
  const BusFrame frame = senders.front()->pending_->frame;
  ++frames_carried_;
  for (Station* sender : senders) {
    sender->pending_.reset();
    sender->transmit_errors_ = std::max(0, sender->transmit_errors_ - 1);
  }
  deliver(frame, segment, senders);
  for (Station* sender : senders) sender->on_transmitted(true);
}

void CanBus::finish_failed(Station& station) {
  const bool single_shot = station.pending_->single_shot;
  station.transmit_errors_ += 8;
  if (station.transmit_errors_ >= kBusOffErrors) {
    enter_bus_off(station);
  } else if (single_shot) {
    station.pending_.reset();
    station.on_transmitted(false);
  }
}

void CanBus::deliver(const BusFrame& frame, std::size_t segment, const std::vector<Station*>& senders) {
  for (Station* station : stations_) {
    const bool is_sender = std::find(senders.begin(), senders.end(), station) != senders.end();
    if (station->segment_ != segment || station->bus_off_ || is_sender) continue;
    if (!random_.chance(quality_.drop)) station->on_frame(frame);
  }
}

void CanBus::take_off_wire(Station& station) {
  if (!station.on_wire_) return;
  station.on_wire_ = false;
  std::erase(segments_[station.segment_].senders, &station);
}

void CanBus::enter_bus_off(Station& station) {
  take_off_wire(station);
  station.pending_.reset();
  station.bus_off_ = true;
  station.transmit_errors_ = kBusOffErrors - 1;
  station.on_bus_off();
}

}  // namespace alfaspark::sim
