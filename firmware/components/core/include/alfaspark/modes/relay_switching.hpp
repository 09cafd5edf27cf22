// Moves relays to where they are wished, with the minimum times between their movements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/modes/situation.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class RelaySwitching {
 public:
  RelaySwitching(RelayPort& port, const Parameters& parameters) : port_(port), parameters_(parameters) {}

  /// Moves to the position in which nothing was decided yet; no minimum time follows.
  void place(frames::Relay relay, bool closed);
  /// Goes where it is wished when its minimum times allow it; opening because of a limit waits for nothing.
  void follow(Micros now, frames::Relay relay, const Wish& wish);
  /// False, and nothing moves, within the minimum time after the last movement.
  bool move_by_hand(Micros now, frames::Relay relay, bool closed);
  /// What modes want to close waits until then.
  void delay_closings(Micros until) { closings_from_ = until; }

  [[nodiscard]] bool are_positions_kept() const { return port_.kept_positions(); }
  /// Bits, 1 = closed.
  [[nodiscard]] std::uint8_t closed() const;
  [[nodiscard]] frames::Reason reason(frames::Relay relay) const { return reasons_[static_cast<std::size_t>(relay)]; }

 private:
  [[nodiscard]] bool is_free(Micros now, std::size_t relay, bool closed) const;
  [[nodiscard]] bool is_past(Micros now, const std::optional<Micros>& moved_at, Parameter minimum) const;

  RelayPort& port_;
  const Parameters& parameters_;
  std::array<frames::Reason, kCurrentChannels> reasons_{};
  std::array<std::optional<Micros>, kCurrentChannels> moved_at_{};         ///< by whomever
  std::array<std::optional<Micros>, kCurrentChannels> moved_itself_at_{};  ///< by a mode, or when it let go
  std::optional<Micros> closings_from_;
};

}  // namespace alfaspark
