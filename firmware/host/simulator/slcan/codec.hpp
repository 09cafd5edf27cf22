// The text form of CAN frames in the serial line protocol of LAWICEL's adapters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "simulator/bus/bus_frame.hpp"

namespace alfaspark::sim {

/// Reads `tIIILDD..`, `TIIIIIIIILDD..`, `rIIIL` or `RIIIIIIIIL`; nullopt unless the line is exactly that.
std::optional<BusFrame> parse_slcan_frame(std::string_view line);
/// The line without its end. With `timestamp_ms` (0..59999) four more digits follow.
std::string format_slcan_frame(const BusFrame& frame, std::optional<std::uint16_t> timestamp_ms = std::nullopt);

/// Reads hexadecimal digits of either case; nullopt if there is none, another character, or more than eight.
std::optional<std::uint32_t> parse_hex(std::string_view digits);

}  // namespace alfaspark::sim
