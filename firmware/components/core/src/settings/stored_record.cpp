#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {
namespace {

constexpr std::array<std::uint32_t, 256> crc_of_bytes() {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;  // reflected
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    table[byte] = crc;
  }
  return table;
}

}  // namespace

std::uint32_t record_crc(std::uint8_t key, std::span<const std::uint8_t> bytes) {
  // A table, because one record is written with every tick.
  static constexpr auto kCrcOfBytes = crc_of_bytes();
  std::uint32_t crc = 0xFFFFFFFF;
  const auto add = [&crc](std::uint8_t byte) { crc = (crc >> 8) ^ kCrcOfBytes[(crc ^ byte) & 0xFFU]; };
  add(key);
  for (const auto byte : bytes) add(byte);
  return ~crc;
}

}  // namespace alfaspark
