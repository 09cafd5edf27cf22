// The four relays of a pack, with coils, contacts and what can go wrong between them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// The simulated board has normally closed contacts for grid and inverter output, so that a house whose controller has
/// no supply keeps its power, and normally open ones for the two loads: nothing big runs unwatched.
class RelayBoard final : public RelayPort {
 public:
  using Contacts = std::array<bool, kCurrentChannels>;  ///< true = closed
  static constexpr Contacts kWithoutSupply = {true, true, false, false};

  /// `before_move` is told before a contact moves, `after_move` when it has.
  RelayBoard(std::function<void()> before_move, std::function<void()> after_move);

  void set(std::size_t relay, bool closed) override;
  /// What the controller drives: it cannot see a welded contact.
  [[nodiscard]] bool is_closed(std::size_t relay) const override { return driven_.at(relay); }

  /// All coils lose their current.
  void cut_supply();
  /// A welded contact is closed whatever the coil does.
  void weld(std::size_t relay, bool welded);

  [[nodiscard]] const Contacts& contacts() const { return contacts_; }
  /// How often each contact has moved.
  [[nodiscard]] const std::array<std::uint64_t, kCurrentChannels>& edges() const { return edges_; }

 private:
  void move();

  std::function<void()> before_move_;
  std::function<void()> after_move_;
  Contacts driven_ = kWithoutSupply;
  Contacts welded_{};
  Contacts contacts_ = kWithoutSupply;
  std::array<std::uint64_t, kCurrentChannels> edges_{};
};

}  // namespace alfaspark::sim
