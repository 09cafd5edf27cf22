// How a device comes by its node number, and keeps or loses it (protocol, "Node numbers").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/bus/presence.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

/// Knows only what it is told; the caller tells Presence of a frame first, and sends a CLAIM when one is due.
class NodeClaim {
 public:
  static constexpr Micros kListen = 250 * kMillisecond;
  static constexpr Micros kSettled = 10 * kSecond;
  static constexpr Micros kNoneFreePeriod = 60 * kSecond;
  static constexpr Micros kConflictShown = 60 * kSecond;

  explicit NodeClaim(std::uint64_t serial) : serial_(serial) {}

  /// `stored`: the number held before, if it is known.
  void start(Micros now, std::optional<std::uint8_t> stored);
  void tick(Micros now, const Presence& presence);
  void on_claim(Micros now, const Presence::Claimant& other, const Presence& presence);
  void on_base_frame(Micros now, std::uint8_t node, const Presence& presence);
  /// The CLAIM of the number claimed now went out.
  void on_claim_sent(Micros now);
  void on_bus_off();
  void on_recovered(Micros now);

  /// The number held: base frames may be sent under it. 0 while none is.
  [[nodiscard]] std::uint8_t node() const { return state_ == State::kHeld ? number_ : 0; }
  /// What a CLAIM says: the number held or wanted, 0 = none free.
  [[nodiscard]] std::uint8_t claimed() const { return number_; }
  /// Held for 10 s: worth storing, and beats newcomers.
  [[nodiscard]] bool is_settled(Micros now) const { return state_ == State::kHeld && now - since_ >= kSettled; }
  [[nodiscard]] bool is_none_free() const { return state_ == State::kNoneFree; }
  /// In the 60 s after another device used or claimed, as its own, the number held here.
  [[nodiscard]] bool in_conflict(Micros now) const { return conflict_at_ && now - *conflict_at_ < kConflictShown; }
  /// True once for each CLAIM to be sent.
  bool take_due_claim();

  /// 1..126, from all 48 bits: chips of one batch step by four in the lowest ones.
  static std::uint8_t hashed_number(std::uint64_t serial);

 private:
  enum class State : std::uint8_t { kOffBus, kClaiming, kHeld, kNoneFree };

  void claim(Micros now, std::uint8_t number);
  void move(Micros now, const Presence& presence, std::size_t index);
  void note_lower(std::uint64_t serial);

  std::uint64_t serial_;
  State state_ = State::kOffBus;
  std::uint8_t number_ = 0;
  bool claim_due_ = false;
  bool claim_sent_ = false;  ///< since the last move
  Micros since_ = 0;         ///< claiming: of the listening; held: of the holding; none free: of the last look
  Micros zero_claimed_at_ = 0;
  std::optional<Micros> conflict_at_;
  /// Lower serials heard claiming the number. Those beyond its size are sorted out in a further round.
  std::array<std::uint64_t, 16> lower_{};
  std::size_t lower_count_ = 0;
};

}  // namespace alfaspark
