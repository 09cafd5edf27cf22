#include "alfaspark/bus/bus_node.hpp"

namespace alfaspark {
namespace {

constexpr Micros kElectionPeriod = 100 * kMillisecond;
constexpr std::uint64_t kSerialLowMask = 0xFFFFFF;

/// nullopt if the frame is no CLAIM of the protocol.
std::optional<Presence::Claimant> claimant_of(const CanFrame& frame) {
  auto payload = frame.data;
  auto claim = frames::Claim::decode(frame.payload());
  const bool is_known_type = claim.has_value();
  if (!claim && frame.length == frames::Claim::kLength) {
    // A device of a type that comes after this firmware holds its number all the same.
    constexpr std::uint8_t kHeldBit = 0x80;
    payload[4] = static_cast<std::uint8_t>((payload[4] & kHeldBit) | 1U);
    claim = frames::Claim::decode(payload);
  }
  if (!claim) return std::nullopt;
  return Presence::Claimant{.serial = (std::uint64_t{claim->serial_high} << 24) | (frame.id & kSerialLowMask),
                            .node = claim->node,
                            .held = claim->held,
                            .device_type = is_known_type ? std::optional(claim->device_type) : std::nullopt};
}

}  // namespace

BusNode::BusNode(const Identity& identity, CanPort& can, SystemPort& system)
    : identity_(identity), can_(can), queue_(can, system), claim_(identity.serial), election_(identity.device_type) {}

void BusNode::start(Micros now, std::uint16_t boot_id, std::optional<std::uint8_t> stored_node) {
  boot_id_ = boot_id;
  election_.start(now);
  claim_.start(now, stored_node);
  follow_claim(now);
}

void BusNode::tick(Micros now, std::uint8_t flags) {
  flags_ = flags;
  if (recovery_.take_attempt(now)) can_.recover();
  claim_.tick(now, presence_);
  follow_claim(now);
  if (now >= next_election_) elect(now);
  if (node() != 0 && now >= next_announce_) {
    announce(now);
    next_announce_ += kAnnouncePeriod;
  }
  if (who_answer_at_ && now >= *who_answer_at_) {
    who_answer_at_.reset();
    if (!is_bus_off()) post_claim(now);
    announce(now);
  }
  queue_.tick(now);
}

void BusNode::on_frame(Micros now, const CanFrame& frame) {
  if (frame.length > frame.data.size()) {
    ++invalid_frames_;
  } else if (frame.extended) {
    if ((frame.id & frames::kClaimMask) == frames::kClaimId) on_claim(now, frame);
  } else {
    on_base_frame(now, frame);
  }
}

void BusNode::on_claim(Micros now, const CanFrame& frame) {
  const auto claimant = claimant_of(frame);
  if (!claimant) {
    ++invalid_frames_;
    return;
  }
  presence_.on_claim(now, *claimant);
  claim_.on_claim(now, *claimant, presence_);
  follow_claim(now);
}

void BusNode::on_base_frame(Micros now, const CanFrame& frame) {
  const auto function = function_of(frame.id);
  const auto sender = node_of(frame.id);
  if (!is_sent_by_node(function)) return;
  const bool is_telemetry = function != frames::Function::kUpdateResponse;  // that is ISO-TP, of any length
  if (!is_node(sender) || (is_telemetry && frame.length != frames::Payload{}.size())) {
    ++invalid_frames_;
    return;
  }
  if (!presence_.on_base_frame(now, function, sender, frame.payload())) ++invalid_frames_;
  claim_.on_base_frame(now, sender, presence_);
  follow_claim(now);
  if (function == frames::Function::kAnnounce) elect(now);
}

void BusNode::on_transmitted(Micros now, bool sent) {
  if (queue_.on_transmitted(now, sent)) claim_.on_claim_sent(now);
}

void BusNode::on_bus_off(Micros now) {
  recovery_.on_bus_off(now);
  queue_.on_bus_off();
  claim_.on_bus_off();
  follow_claim(now);
}

void BusNode::on_recovered(Micros now) {
  recovery_.on_recovered(now);
  queue_.on_recovered(now);
  claim_.on_recovered(now);
  follow_claim(now);
}

void BusNode::answer_who(Micros now) {
  if (!who_answer_at_) who_answer_at_ = now + static_cast<Micros>(identity_.serial % 128) * kMillisecond;
}

void BusNode::follow_claim(Micros now) {
  if (node() != announced_node_) {
    if (announced_node_ != 0) queue_.withdraw_base_frames(now);
    announced_node_ = node();
    election_.update(now, node(), presence_);
    if (node() != 0) {
      announce(now);
      next_announce_ = now + kAnnouncePeriod;
    }
  }
  if (claim_.take_due_claim()) post_claim(now);
}

void BusNode::elect(Micros now) {
  next_election_ = now + kElectionPeriod;
  if (election_.update(now, node(), presence_)) announce(now);
}

void BusNode::announce(Micros now) {
  const auto master_flag = bit(frames::AnnounceFlag::kIsMaster);
  const auto others = static_cast<std::uint8_t>(flags_ & ~master_flag);
  post(now, frames::Announce{.device_type = identity_.device_type,
                             .fw_major = identity_.firmware.major,
                             .fw_minor = identity_.firmware.minor,
                             .fw_patch = identity_.firmware.patch,
                             .boot_id = boot_id_,
                             .master = election_.master(),
                             .flags = static_cast<std::uint8_t>(is_master() ? others | master_flag : others),
                             .protocol_version = kProtocolVersion});
}

void BusNode::post_claim(Micros now) {
  CanFrame frame{.id = frames::kClaimId | static_cast<std::uint32_t>(identity_.serial & kSerialLowMask),
                 .extended = true,
                 .length = frames::Claim::kLength};
  frame.data = frames::Claim{.serial_high = static_cast<std::uint32_t>(identity_.serial >> 24) & 0xFFFFFFU,
                             .node = claim_.claimed(),
                             .device_type = identity_.device_type,
                             .held = claim_.is_settled(now),
                             .fw_major = identity_.firmware.major,
                             .fw_minor = identity_.firmware.minor,
                             .fw_patch = identity_.firmware.patch}
                   .encode();
  queue_.post_claim(now, frame);
}

}  // namespace alfaspark
