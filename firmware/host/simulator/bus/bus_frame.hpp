// A frame as it travels on the wire.
#pragma once

#include <cstdint>

#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// A classic CAN frame of any kind. Packs neither send nor receive remote frames; a client's adapter may.
struct BusFrame {
  CanFrame can{};
  bool remote = false;  ///< `can.length` is then the length asked for; there are no data
};

/// Whether both put the same bits on the wire.
bool same_bits(const BusFrame& a, const BusFrame& b);

/// The order of arbitration (ISO 11898-1): the lower value wins. Equal for frames that cannot tell each other apart
/// until their control field or data.
std::uint32_t arbitration_order(const BusFrame& frame);

/// Bits on the wire with its stuff bits, from start of frame to the end of the 3 bits between frames.
int wire_bits(const BusFrame& frame);

}  // namespace alfaspark::sim
