// From a relay's position to the level of its pin.
#pragma once

namespace alfaspark::board {

/// How a relay is wired.
struct RelayWiring {
  bool active_low = false;       ///< a low level energises the coil
  bool normally_closed = false;  ///< the load is on the contact that is closed while the coil is not energised
};

/// The level that gives this position.
constexpr bool level_of(const RelayWiring& wiring, bool closed) {
  const bool is_energised = closed != wiring.normally_closed;
  return is_energised != wiring.active_low;
}

}  // namespace alfaspark::board
