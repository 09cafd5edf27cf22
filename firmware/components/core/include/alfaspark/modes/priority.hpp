// Who owns a relay: pure functions, with the order of the owners written down as data.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "alfaspark/modes/situation.hpp"

namespace alfaspark {

/// A mode's wish for a relay; nullopt: it has none.
using Rule = std::optional<Wish> (*)(const Situation&, frames::Relay);

namespace rules {
std::optional<Wish> import_limit(const Situation& situation, frames::Relay relay);
std::optional<Wish> backup(const Situation& situation, frames::Relay relay);
std::optional<Wish> self_consumption(const Situation& situation, frames::Relay relay);
std::optional<Wish> eco(const Situation& situation, frames::Relay relay);
std::optional<Wish> time_of_use(const Situation& situation, frames::Relay relay);
}  // namespace rules

// The first that has a wish owns the relay (requirements R3); after them comes the hand.
inline constexpr std::array<Rule, 3> kGridOwners{rules::import_limit, rules::backup, rules::self_consumption};
inline constexpr std::array<Rule, 2> kInverterOwners{rules::eco, rules::time_of_use};
inline constexpr std::array<Rule, 1> kLoadOwners{rules::eco};

[[nodiscard]] std::span<const Rule> owners_of(frames::Relay relay);

/// The wish of the mode that owns the relay; nullopt: the hand's.
[[nodiscard]] std::optional<Wish> mode_wish(const Situation& situation, frames::Relay relay);
/// What the hand wants of it.
[[nodiscard]] Wish manual_wish(const Situation& situation, frames::Relay relay);
/// The one that counts.
[[nodiscard]] Wish decide(const Situation& situation, frames::Relay relay);

}  // namespace alfaspark
