#include "alfaspark/modes/priority.hpp"

namespace alfaspark {

using frames::Mode;
using frames::Reason;
using frames::Relay;

namespace rules {

std::optional<Wish> import_limit(const Situation& situation, Relay /*relay*/) {
  if (!situation.is_import_exhausted) return std::nullopt;
  return Wish{.closed = false, .reason = Reason::kImportLimitExhausted};
}

std::optional<Wish> backup(const Situation& situation, Relay /*relay*/) {
  if (!situation.is_on(Mode::kBackup)) return std::nullopt;
  return Wish{.closed = true, .reason = Reason::kBackup};
}

std::optional<Wish> self_consumption(const Situation& situation, Relay /*relay*/) {
  if (!situation.is_on(Mode::kSelfConsumption)) return std::nullopt;
  if (situation.bms_lost) return Wish{.closed = true, .reason = Reason::kBmsLost};
  if (!situation.soc_pct) return Wish{.closed = std::nullopt, .reason = Reason::kStartUp};
  const bool is_low = *situation.soc_pct <= situation.soc_connect_pct;
  const bool is_charged = *situation.soc_pct >= situation.soc_disconnect_pct;
  const bool was_open = situation.self_consumption_closed == false;
  if (is_charged || (was_open && !is_low)) return Wish{.closed = false, .reason = Reason::kSelfConsumptionCharged};
  return Wish{.closed = true, .reason = Reason::kSelfConsumptionLowSoc};
}

std::optional<Wish> eco(const Situation& situation, Relay relay) {
  if ((situation.eco_shed & bit(relay)) == 0) return std::nullopt;
  return Wish{.closed = false, .reason = Reason::kEcoShed};
}

std::optional<Wish> time_of_use(const Situation& situation, Relay /*relay*/) {
  if (!situation.is_on(Mode::kTimeOfUse) || !situation.has_window) return std::nullopt;
  if (situation.is_inside_window) {
    const bool inside = *situation.is_inside_window;
    return Wish{.closed = inside, .reason = inside ? Reason::kInsideWindow : Reason::kOutsideWindow};
  }
  if (situation.clock_unknown) return Wish{.closed = true, .reason = Reason::kClockUnknown};
  return Wish{.closed = std::nullopt, .reason = Reason::kStartUp};
}

}  // namespace rules

std::span<const Rule> owners_of(Relay relay) {
  switch (relay) {
    case Relay::kGrid:
      return kGridOwners;
    case Relay::kInverter:
      return kInverterOwners;
    default:
      return kLoadOwners;
  }
}

std::optional<Wish> mode_wish(const Situation& situation, Relay relay) {
  for (const Rule rule : owners_of(relay)) {
    if (const auto wish = rule(situation, relay)) return wish;
  }
  return std::nullopt;
}

Wish manual_wish(const Situation& situation, Relay relay) {
  if ((situation.held & bit(relay)) != 0) return {.closed = std::nullopt, .reason = Reason::kStartUp};
  const bool closed = (situation.manual_closed & bit(relay)) != 0;
  const bool is_restored = closed && (situation.eco_restored & bit(relay)) != 0;
  return {.closed = closed, .reason = is_restored ? Reason::kEcoRestored : Reason::kManual};
}

Wish decide(const Situation& situation, Relay relay) {
  const auto wish = mode_wish(situation, relay);
  return wish ? *wish : manual_wish(situation, relay);
}

}  // namespace alfaspark
