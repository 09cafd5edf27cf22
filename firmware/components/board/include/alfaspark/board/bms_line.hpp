// The RS-485 line to the BMS: UART 2, half duplex, the driver enable on RTS.
#pragma once

#include <cstdint>
#include <span>

#include "alfaspark/pack.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark::board {

class BmsLine final : public SerialPort {
 public:
  /// A failure restarts the device.
  void start();
  /// Hands what was received to the pack; from the core task.
  void deliver(Micros now, Pack& pack);

  void set_baud_rate(std::uint32_t baud_rate) override;
  bool write(std::span<const std::uint8_t> bytes) override;

 private:
  std::uint32_t baud_rate_ = 9600;
};

}  // namespace alfaspark::board
