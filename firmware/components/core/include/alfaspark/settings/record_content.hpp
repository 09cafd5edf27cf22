// How settings lie in the bytes of their records.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "alfaspark/modes/held_state.hpp"
#include "alfaspark/settings/mode_settings.hpp"

namespace alfaspark::record_content {

/// Little-endian.
std::array<std::uint8_t, 4> of_value(std::int32_t value);
std::int32_t to_value(const std::array<std::uint8_t, 4>& content);

/// start u16, end u16, weekdays u8; all 0 for an empty slot.
std::array<std::uint8_t, 5> of_window(const std::optional<Window>& window);
/// nullopt for an empty slot; `is_valid` becomes false for a window that cannot be.
std::optional<Window> to_window(const std::array<std::uint8_t, 5>& content, bool& is_valid);

/// closed, reset.
std::array<std::uint8_t, 2> of_manual(const ManualRelays& manual);
ManualRelays to_manual(const std::array<std::uint8_t, 2>& content);

/// closed, eco_shed, decision (0 none, 1 open, 2 closed).
std::array<std::uint8_t, 3> of_positions(const RelayPositions& positions);
RelayPositions to_positions(const std::array<std::uint8_t, 3>& content);

/// is_exhausted, day is known, day u16, import u16.
std::array<std::uint8_t, 6> of_latch(const ImportLatch& latch);
ImportLatch to_latch(const std::array<std::uint8_t, 6>& content);

}  // namespace alfaspark::record_content
