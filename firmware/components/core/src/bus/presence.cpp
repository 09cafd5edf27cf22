#include "alfaspark/bus/presence.hpp"

#include <algorithm>

namespace alfaspark {
namespace {

bool is_within(Micros now, Micros since, Micros limit) { return since >= 0 && now - since < limit; }

template <typename Frame>
bool keep(std::span<const std::uint8_t> payload, frames::Payload& kept) {
  if (!Frame::decode(payload)) return false;
  std::copy(payload.begin(), payload.end(), kept.begin());
  return true;
}

}  // namespace

void Presence::on_claim(Micros now, const Claimant& claimant) {
  release(claimant.serial, claimant.node);
  if (!is_node(claimant.node)) return;
  auto& peer = peers_[claimant.node - 1U];
  const bool is_contested = is_within(now, peer.claimed_at, kGoneAfter) && peer.serial != claimant.serial;
  const bool wins = claimant.held != peer.claim_held ? claimant.held : claimant.serial < peer.serial;
  if (is_contested && !wins) return;  // the loser will move; the number stays with who has it
  if (is_contested) peer = Peer{};
  peer.claimed_at = now;
  peer.serial = claimant.serial;
  peer.claim_held = claimant.held;
  if (claimant.device_type) peer.device_type = claimant.device_type;
}

bool Presence::on_base_frame(Micros now, frames::Function function, std::uint8_t node,
                             std::span<const std::uint8_t> payload) {
  auto& peer = peers_[node - 1U];
  if (!is_in_use(now, node)) peer = Peer{};  // long gone: this may be another device
  peer.heard_at = now;
  switch (function) {
    case frames::Function::kAnnounce: {
      const auto announce = frames::Announce::decode(payload);
      if (!announce) return false;
      peer.device_type = announce->device_type;
      peer.says_master = (announce->flags & bit(frames::AnnounceFlag::kIsMaster)) != 0;
      return true;
    }
    case frames::Function::kBattery:
      if (!keep<frames::Battery>(payload, peer.battery)) return false;
      peer.battery_at = now;
      return true;
    case frames::Function::kPower:
      if (!keep<frames::Power>(payload, peer.power)) return false;
      peer.power_at = now;
      return true;
    default:
      return true;
  }
}

bool Presence::is_present(Micros now, std::uint8_t node) const { return is_within(now, at(node).heard_at, kGoneAfter); }

bool Presence::is_in_use(Micros now, std::uint8_t node) const {
  return is_present(now, node) || is_within(now, at(node).claimed_at, kGoneAfter);
}

std::optional<std::uint8_t> Presence::free_number(Micros now, std::size_t index, std::uint8_t except) const {
  std::array<std::uint8_t, kNodes> free{};
  std::size_t count = 0;
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    if (node != except && !is_in_use(now, node)) free[count++] = node;
  }
  if (count == 0) return std::nullopt;
  return free[index % count];
}

frames::Battery Presence::battery(Micros now, std::uint8_t node) const {
  const auto& peer = at(node);
  if (!is_within(now, peer.battery_at, kReadingsStaleAfter)) return {};
  return frames::Battery::decode(peer.battery).value_or(frames::Battery{});
}

frames::Power Presence::power(Micros now, std::uint8_t node) const {
  const auto& peer = at(node);
  if (!is_within(now, peer.power_at, kReadingsStaleAfter)) return {};
  return frames::Power::decode(peer.power).value_or(frames::Power{});
}

void Presence::release(std::uint64_t serial, std::uint8_t except) {
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    auto& peer = peers_[node - 1U];
    if (node != except && peer.claimed_at >= 0 && peer.serial == serial) peer = Peer{};
  }
}

}  // namespace alfaspark
