#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {

std::uint32_t record_crc(std::uint8_t key, std::span<const std::uint8_t> bytes) {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;  // reflected
  std::uint32_t crc = 0xFFFFFFFF;
  const auto add = [&crc](std::uint8_t byte) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
  };
  add(key);
  for (const auto byte : bytes) add(byte);
  return ~crc;
}

}  // namespace alfaspark
