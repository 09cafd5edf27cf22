// The answering side of Modbus RTU, as far as a BMS needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace alfaspark::sim {

using Bytes = std::vector<std::uint8_t>;

/// CRC-16 of Modbus (polynomial 0xA001, start 0xFFFF).
std::uint16_t modbus_crc(std::span<const std::uint8_t> bytes);
/// Appends the CRC, low byte first.
void append_modbus_crc(Bytes& frame);

enum class ModbusException : std::uint8_t {
  kIllegalFunction = 1,
  kIllegalAddress = 2,
  kIllegalValue = 3,
  kDeviceFailure = 4
};

/// A slave that holds a row of registers from address 0 and reads them by function 3.
class ModbusSlave {
 public:
  explicit ModbusSlave(std::uint8_t unit) : unit_(unit) {}

  /// The answer with its CRC; nullopt where a slave is silent: a damaged frame, another unit, a broadcast.
  [[nodiscard]] std::optional<Bytes> answer(std::span<const std::uint8_t> request,
                                            std::span<const std::uint16_t> registers) const;
  /// An exception to a valid request, nullopt otherwise.
  [[nodiscard]] std::optional<Bytes> refuse(std::span<const std::uint8_t> request, ModbusException exception) const;

 private:
  [[nodiscard]] bool is_for_me(std::span<const std::uint8_t> request) const;
  [[nodiscard]] Bytes exception(std::uint8_t function, ModbusException code) const;

  std::uint8_t unit_;
};

}  // namespace alfaspark::sim
