#include "simulator/bms/modbus_slave.hpp"

#include <cstddef>

namespace alfaspark::sim {
namespace {

constexpr std::uint8_t kReadHoldingRegisters = 3;
constexpr std::uint8_t kExceptionFlag = 0x80;
constexpr std::size_t kReadRequestLength = 8;
constexpr std::size_t kMostRegisters = 125;

std::size_t word_at(std::span<const std::uint8_t> bytes, std::size_t index) {
  return static_cast<std::size_t>(bytes[index] << 8U | bytes[index + 1]);
}

}  // namespace

std::uint16_t modbus_crc(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xFFFF;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1U) ^ 0xA001U : crc >> 1U;
  }
  return static_cast<std::uint16_t>(crc);
}

void append_modbus_crc(Bytes& frame) {
  const std::uint16_t crc = modbus_crc(frame);
  frame.push_back(static_cast<std::uint8_t>(crc & 0xFFU));
  frame.push_back(static_cast<std::uint8_t>(crc >> 8U));
}

bool ModbusSlave::is_for_me(std::span<const std::uint8_t> request) const {
  return request.size() >= 4 && modbus_crc(request) == 0 && request[0] == unit_;  // a CRC over its own CRC is 0
}

std::optional<Bytes> ModbusSlave::answer(std::span<const std::uint8_t> request,
                                         std::span<const std::uint16_t> registers) const {
  if (!is_for_me(request)) return std::nullopt;
  const std::uint8_t function = request[1];
  if (function != kReadHoldingRegisters) return exception(function, ModbusException::kIllegalFunction);
  if (request.size() != kReadRequestLength) return exception(function, ModbusException::kIllegalValue);
  const std::size_t address = word_at(request, 2);
  const std::size_t count = word_at(request, 4);
  if (count == 0 || count > kMostRegisters) return exception(function, ModbusException::kIllegalValue);
  if (address + count > registers.size()) return exception(function, ModbusException::kIllegalAddress);
  Bytes frame = {unit_, function, static_cast<std::uint8_t>(count * 2)};
  for (const std::uint16_t value : registers.subspan(address, count)) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8U));
    frame.push_back(static_cast<std::uint8_t>(value & 0xFFU));
  }
  append_modbus_crc(frame);
  return frame;
}

std::optional<Bytes> ModbusSlave::refuse(std::span<const std::uint8_t> request, ModbusException code) const {
  if (!is_for_me(request)) return std::nullopt;
  return exception(request[1], code);
}

Bytes ModbusSlave::exception(std::uint8_t function, ModbusException code) const {
  Bytes frame = {unit_, static_cast<std::uint8_t>(function | kExceptionFlag), static_cast<std::uint8_t>(code)};
  append_modbus_crc(frame);
  return frame;
}

}  // namespace alfaspark::sim
