// Who else is on the bus: by node number, absent until heard.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/bus/base_frame.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class Presence {
 public:
  static constexpr Micros kGoneAfter = 120 * kSecond;
  static constexpr Micros kReadingsStaleAfter = 6 * kSecond;

  struct Claimant {
    std::uint64_t serial = 0;
    std::uint8_t node = 0;  ///< 0: no number is free for it
    bool held = false;      ///< for 10 s or more
    std::optional<frames::DeviceType> device_type{};
  };

  void on_claim(Micros now, const Claimant& claimant);
  /// A frame of a function that nodes send. False if its content is not of the protocol; the node is there all the
  /// same.
  bool on_base_frame(Micros now, frames::Function function, std::uint8_t node, std::span<const std::uint8_t> payload);

  /// Sent a base frame in the last 120 s.
  [[nodiscard]] bool is_present(Micros now, std::uint8_t node) const;
  /// Present, or claimed in the last 120 s.
  [[nodiscard]] bool is_in_use(Micros now, std::uint8_t node) const;
  /// The free number with this index, counted from the lowest and around; `except` is not free. nullopt: none is free.
  [[nodiscard]] std::optional<std::uint8_t> free_number(Micros now, std::size_t index, std::uint8_t except) const;

  /// nullopt while not known.
  [[nodiscard]] std::optional<frames::DeviceType> device_type(std::uint8_t node) const { return at(node).device_type; }
  [[nodiscard]] bool says_master(std::uint8_t node) const { return at(node).says_master; }
  /// The last readings of a node, what is stale or unknown as nullopt.
  [[nodiscard]] frames::Battery battery(Micros now, std::uint8_t node) const;
  [[nodiscard]] frames::Power power(Micros now, std::uint8_t node) const;

 private:
  static constexpr Micros kNever = -1;

  struct Peer {
    Micros heard_at = kNever;
    Micros claimed_at = kNever;
    Micros battery_at = kNever;
    Micros power_at = kNever;
    std::uint64_t serial = 0;  ///< of who claimed the number and won it
    bool claim_held = false;
    bool says_master = false;
    std::optional<frames::DeviceType> device_type;
    frames::Payload battery{};
    frames::Payload power{};
  };

  [[nodiscard]] const Peer& at(std::uint8_t node) const { return peers_[node - 1U]; }
  void release(std::uint64_t serial, std::uint8_t except);

  std::array<Peer, kNodes> peers_{};
};

}  // namespace alfaspark
