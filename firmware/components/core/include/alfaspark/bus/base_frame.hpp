// Base frames: an 11-bit identifier is a function and a node number.
#pragma once

#include <cstdint>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

constexpr std::uint8_t kNodes = 126;     ///< numbers 1..126 are devices
constexpr std::uint8_t kAllNodes = 127;  ///< as a target: every device

constexpr frames::Function function_of(std::uint32_t base_id) { return frames::Function(base_id & 0x780U); }
constexpr std::uint8_t node_of(std::uint32_t base_id) { return static_cast<std::uint8_t>(base_id & 0x7FU); }
constexpr bool is_node(std::uint8_t node) { return node >= 1 && node <= kNodes; }

/// Functions that a node sends under its own number (0x1..0xB and 0xD) and that say it is there. GRID_LOSS does not;
/// the others carry a target's.
constexpr bool is_sent_by_node(frames::Function function) {
  return (function >= frames::Function::kAnnounce && function <= frames::Function::kFault) ||
         function == frames::Function::kUpdateResponse;
}

template <typename Frame>
CanFrame base_frame(const Frame& frame, std::uint8_t node) {
  return {.id = static_cast<std::uint32_t>(Frame::kFunction) + node,
          .extended = false,
          .length = Frame::kLength,
          .data = frame.encode()};
}

}  // namespace alfaspark
