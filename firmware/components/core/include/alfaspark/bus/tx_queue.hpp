// What waits to be sent: lowest identifier first, one frame in the controller at a time, so that what became stale can
// still be withdrawn or replaced.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class TxQueue {
 public:
  static constexpr std::size_t kCapacity = 32;
  /// A frame that the controller holds longer than this is taken back and sent again: drivers are known to lose one.
  static constexpr Micros kStall = 250 * kMillisecond;
  /// A CLAIM that met an error is repeated after 1..128 ms at random, so that two equal identifiers part.
  static constexpr Micros kClaimBackoffMin = 1 * kMillisecond;
  static constexpr Micros kClaimBackoffMax = 128 * kMillisecond;

  TxQueue(CanPort& can, SystemPort& system) : can_(can), system_(system) {}

  /// Queues a base frame. Telemetry still waiting is replaced by its newer version; answers and faults are all kept. A
  /// full queue gives up what is last in arbitration.
  void post(Micros now, const CanFrame& frame);
  /// Queues the CLAIM; an older one, waiting or in the controller, is withdrawn.
  void post_claim(Micros now, const CanFrame& frame);
  /// Nothing under a number that is no longer held may go out.
  void withdraw_base_frames(Micros now);
  /// True if the report was for the CLAIM posted last, and it went out.
  bool on_transmitted(Micros now, bool sent);
  void on_bus_off();
  void on_recovered(Micros now);
  void tick(Micros now);

  [[nodiscard]] std::size_t waiting() const { return size_; }
  /// Frames given up because the queue was full.
  [[nodiscard]] std::uint32_t dropped() const { return dropped_; }

 private:
  struct InFlight {
    CanFrame frame;
    Micros since = 0;
    bool is_claim = false;
    bool withdrawn = false;  ///< too late to take back: its report means nothing
  };

  void pump(Micros now);
  void transmit(Micros now, const CanFrame& frame, bool is_claim);
  void take_back_stalled(Micros now);
  /// Waits again, unless something newer makes it pointless.
  void put_back(const CanFrame& frame);
  void insert(const CanFrame& frame, std::size_t position);
  void erase(std::size_t index);
  [[nodiscard]] std::size_t first_in_arbitration() const;

  CanPort& can_;
  SystemPort& system_;
  std::array<CanFrame, kCapacity> frames_{};  // in order of posting
  std::size_t size_ = 0;
  std::optional<CanFrame> claim_;
  Micros claim_not_before_ = 0;
  std::optional<InFlight> in_flight_;
  bool online_ = true;
  std::uint32_t dropped_ = 0;
};

}  // namespace alfaspark
