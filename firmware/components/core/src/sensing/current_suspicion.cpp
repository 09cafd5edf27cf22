#include "alfaspark/sensing/current_suspicion.hpp"

namespace alfaspark {

namespace {

constexpr float kLeakageA = 0.25F;
constexpr float kDrawnA = 1.0F;

}  // namespace

void CurrentSuspicion::update(Micros now, const Currents& currents_a, std::uint8_t relays_closed, bool grid_absent) {
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    const bool open = ((relays_closed >> channel) & 1U) == 0;
    through_open_relay_[channel].update(now, open && currents_a[channel].value_or(0.0F) > kLeakageA);
  }
  const float grid_a = currents_a[static_cast<std::size_t>(Channel::kGrid)].value_or(0.0F);
  drawn_while_absent_.update(now, grid_absent && grid_a >= kDrawnA);
  from_absent_grid_ = grid_absent && (from_absent_grid_ || drawn_while_absent_.lasted());
}

}  // namespace alfaspark
