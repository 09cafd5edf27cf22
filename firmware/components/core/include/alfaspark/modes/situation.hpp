// What the relays depend on, and what each wish of them is.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"

namespace alfaspark {

/// Where a relay should be, and why.
struct Wish {
  std::optional<bool> closed;  ///< nullopt: stay, wherever it is
  frames::Reason reason = frames::Reason::kStartUp;
  bool operator==(const Wish&) const = default;
};

/// Inputs and held state of one decision. Bit sets are of frames::Relay.
struct Situation {
  std::uint8_t modes = 0;  ///< bits of frames::Mode

  bool is_import_exhausted = false;

  std::optional<float> soc_pct;
  bool bms_lost = false;
  float soc_connect_pct = 10.0F;
  float soc_disconnect_pct = 50.0F;
  std::optional<bool> self_consumption_closed;  ///< its last decision; nullopt: none yet

  bool has_window = false;
  std::optional<bool> is_inside_window;  ///< nullopt: the clock is not set
  bool clock_unknown = false;            ///< and will not be waited for any longer

  std::uint8_t eco_shed = 0;
  std::uint8_t eco_restored = 0;  ///< closed again by eco, and not touched by the hand since

  std::uint8_t manual_closed = 0x0F;
  std::uint8_t held = 0;  ///< where the hand's position from before the start waits for the first valid inputs

  [[nodiscard]] bool is_on(frames::Mode mode) const { return (modes & frames::bit(mode)) != 0; }
};

}  // namespace alfaspark
