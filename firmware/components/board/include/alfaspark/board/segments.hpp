// The characters of the display as the segments of a TM1637: bit 0 = a (top), clockwise to f, bit 6 = g (middle).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace alfaspark::board {

/// Digits, minus and blank; anything else is blank.
constexpr std::uint8_t segments_of(char character) {
  constexpr std::array<std::uint8_t, 10> kDigits{0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F};
  constexpr std::uint8_t kMiddle = 0x40;
  if (character >= '0' && character <= '9') return kDigits[static_cast<std::size_t>(character - '0')];
  return character == '-' ? kMiddle : 0;
}

}  // namespace alfaspark::board
