// The four relays of a pack, with coils, contacts and what can go wrong between them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// The simulated board has normally closed contacts: a house whose controller has no supply keeps its power.
class RelayBoard final : public RelayPort {
 public:
  using Contacts = std::array<bool, kCurrentChannels>;  ///< true = closed
  static constexpr Contacts kWithoutSupply = {true, true, true, true};

  /// `before_move` is told before a contact moves, `after_move` when it has.
  RelayBoard(std::function<void()> before_move, std::function<void()> after_move);

  void set(std::size_t relay, bool closed) override;
  /// What the controller drives: it cannot see a welded contact.
  [[nodiscard]] bool is_closed(std::size_t relay) const override { return driven_.at(relay); }

  [[nodiscard]] bool kept_positions() const override { return kept_; }

  /// The firmware starts again, with the coils' current held meanwhile.
  void keep() { kept_ = true; }
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
  bool kept_ = false;
  std::array<std::uint64_t, kCurrentChannels> edges_{};
};

}  // namespace alfaspark::sim
