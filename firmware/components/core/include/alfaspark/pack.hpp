// A pack: everything the controller decides, driven by events and ticks, speaking through its ports.
//
// Not thread-safe: all calls come from one task, with times that never go back. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"
#include "alfaspark/sensing/sample_block.hpp"

namespace alfaspark {

class Pack {
 public:
  Pack(const Identity& identity, const Hardware& hardware, const Ports& ports);

  /// Once, before anything else: reads the storage and starts to claim a node number.
  void start(Micros now);
  /// Every 5 ms or more often; all timing derives from `now`.
  void tick(Micros now);

  void on_can_frame(Micros now, const CanFrame& frame);
  /// The frame in flight is gone: sent, or (single shot only) given up after an error.
  void on_can_transmitted(Micros now, bool sent);
  /// The controller went bus-off; the frame in flight is lost.
  void on_can_bus_off(Micros now);
  void on_can_recovered(Micros now);
  void on_bms_bytes(Micros now, std::span<const std::uint8_t> bytes);
  /// `now` is the time of the last sample.
  void on_samples(Micros now, const SampleBlock& block);
  /// The rising edge of the grid sense input, one a mains cycle.
  void on_grid_pulse(Micros at);
  /// An edge of an S0 input (0 active, 1 reactive); `on` = contact closed.
  void on_s0_edge(Micros at, std::size_t channel, bool on);

  void on_button(Micros at, bool pressed);

  /// 0 while none is held.
  [[nodiscard]] std::uint8_t node() const;
  [[nodiscard]] bool is_master() const;
  [[nodiscard]] std::uint16_t boot_id() const;
  [[nodiscard]] const Readings& readings() const;
};

}  // namespace alfaspark
