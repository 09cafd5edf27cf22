// What control holds over a restart; all but CarriedImport over a power cut, too.
#pragma once

#include <cstdint>
#include <optional>

namespace alfaspark {

/// What the hand wants of the relays.
struct ManualRelays {
  std::uint8_t closed = 0;  ///< bits of frames::Relay, 1 = closed
  std::uint8_t reset = 0;   ///< by a factory reset: relays that take it at the next start, wherever they are then
  bool operator==(const ManualRelays&) const = default;
};

/// Where the relays were, and what eco and self-consumption had decided of that.
struct RelayPositions {
  std::uint8_t closed = 0;                        ///< bits of frames::Relay, 1 = closed
  std::uint8_t eco_shed = 0;                      ///< bits of frames::Relay: opened by eco and not restored
  std::optional<bool> self_consumption_closed{};  ///< nullopt: no decision yet
  bool operator==(const RelayPositions&) const = default;
};

/// The import limit, once exhausted, stays so until its reset.
struct ImportLatch {
  bool is_exhausted = false;
  std::optional<std::uint16_t> import_day{};  ///< of the exhaustion; nullopt where the clock was unknown
  std::uint16_t import_10wh = 0;              ///< drawn on that day when it was exhausted, x0.01 kWh
  bool operator==(const ImportLatch&) const = default;
};

/// The import of the day, as a restart of the program hands it on; a power cut does not.
struct CarriedImport {
  std::uint64_t import_uwh = 0;       ///< µWh, drawn since the count began
  std::uint32_t counted_for_s = 0;    ///< so long before
  bool was_reset = false;             ///< it began with a reset, not with a start
  std::optional<std::int32_t> day{};  ///< the import day that it is; nullopt where the clock was unknown
  std::int32_t last_begun_day = 0;    ///< see ImportLimit
  ImportLatch latch{};
  bool operator==(const CarriedImport&) const = default;
};

/// nullopt: never stored, or damaged.
struct HeldState {
  std::optional<ManualRelays> manual{};
  std::optional<RelayPositions> positions{};
  std::optional<ImportLatch> latch{};
  bool operator==(const HeldState&) const = default;
};

}  // namespace alfaspark
