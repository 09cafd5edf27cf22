// A device on the bus: its number, who else is there, who is master, and what waits to be sent.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/bus/base_frame.hpp"
#include "alfaspark/bus/bus_off_recovery.hpp"
#include "alfaspark/bus/master_election.hpp"
#include "alfaspark/bus/node_claim.hpp"
#include "alfaspark/bus/presence.hpp"
#include "alfaspark/bus/tx_queue.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class BusNode {
 public:
  static constexpr std::uint8_t kProtocolVersion = 1;
  static constexpr Micros kAnnouncePeriod = 10 * kSecond;

  BusNode(const Identity& identity, CanPort& can, SystemPort& system);

  void start(Micros now, std::uint16_t boot_id, std::optional<std::uint8_t> stored_node);
  /// `flags`: bits of frames::AnnounceFlag that ANNOUNCE carries; that of the master is added here.
  void tick(Micros now, std::uint8_t flags);
  /// Takes CLAIMs and base frames of the functions that nodes send.
  void on_frame(Micros now, const CanFrame& frame);
  void on_transmitted(Micros now, bool sent);
  void on_bus_off(Micros now);
  void on_recovered(Micros now);

  /// Sends CLAIM and ANNOUNCE after `serial mod 128` ms, so that the answers of many nodes spread.
  void answer_who(Micros now);

  /// Sends a frame under the own number; dropped while none is held.
  template <typename Frame>
  void post(Micros now, const Frame& frame) {
    if (node() != 0) queue_.post(now, base_frame(frame, node()));
  }

  /// 0 while none is held.
  [[nodiscard]] std::uint8_t node() const { return claim_.node(); }
  [[nodiscard]] bool is_master() const { return election_.is_master(); }
  [[nodiscard]] std::uint16_t boot_id() const { return boot_id_; }
  [[nodiscard]] bool is_bus_off() const { return recovery_.is_bus_off(); }
  [[nodiscard]] const NodeClaim& claim() const { return claim_; }
  [[nodiscard]] const Presence& presence() const { return presence_; }
  /// Frames ignored because they are not of the protocol: another length, no sender, an unknown value.
  [[nodiscard]] std::uint32_t invalid_frames() const { return invalid_frames_; }

 private:
  void on_claim(Micros now, const CanFrame& frame);
  void on_base_frame(Micros now, const CanFrame& frame);
  void follow_claim(Micros now);
  void elect(Micros now);
  void announce(Micros now);
  void post_claim(Micros now);

  Identity identity_;
  CanPort& can_;
  TxQueue queue_;
  Presence presence_;
  NodeClaim claim_;
  MasterElection election_;
  BusOffRecovery recovery_;
  std::uint16_t boot_id_ = 0;
  std::uint8_t flags_ = 0;
  std::uint8_t announced_node_ = 0;  ///< the number as of the last look
  Micros next_announce_ = 0;
  Micros next_election_ = 0;
  std::optional<Micros> who_answer_at_;
  std::uint32_t invalid_frames_ = 0;
};

}  // namespace alfaspark
