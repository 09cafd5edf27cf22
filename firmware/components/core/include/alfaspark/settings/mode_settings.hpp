// What the owner chose: which modes are on, and the windows of time of use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"

namespace alfaspark {

constexpr std::size_t kWindows = 8;

/// From `start_min` to `end_min` of the local day, on the weekdays on which it starts; past midnight where it ends
/// before it starts.
struct Window {
  std::uint16_t start_min = 0;  ///< 0..1439
  std::uint16_t end_min = 0;    ///< 1..1440, other than `start_min`
  std::uint8_t weekdays = 0;    ///< bit 0 Monday .. bit 6 Sunday, at least one
  bool operator==(const Window&) const = default;
};

struct ModeSettings {
  std::uint8_t modes = 0;  ///< bits of frames::Mode
  std::array<std::optional<Window>, kWindows> windows{};

  [[nodiscard]] bool is_on(frames::Mode mode) const { return (modes & frames::bit(mode)) != 0; }
  bool operator==(const ModeSettings&) const = default;
};

}  // namespace alfaspark
