// The bar's colours in the order and brightness in which WS2812B take them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "alfaspark/ports.hpp"

namespace alfaspark::board {

constexpr std::size_t kBarLeds = 10;

/// Green, red, blue of each LED, LED 0 first (WS2812B data sheet, "composition of 24 bit data").
constexpr std::array<std::uint8_t, 3 * kBarLeds> pixel_bytes(const Indication& indication) {
  constexpr unsigned kPercent = 100;
  std::array<std::uint8_t, 3 * kBarLeds> bytes{};
  const auto scaled = [&indication](std::uint8_t colour) {
    return static_cast<std::uint8_t>(colour * unsigned{indication.bar_brightness_pct} / kPercent);
  };
  for (std::size_t led = 0; led < kBarLeds; ++led) {
    bytes[3 * led] = scaled(indication.bar[led].green);
    bytes[3 * led + 1] = scaled(indication.bar[led].red);
    bytes[3 * led + 2] = scaled(indication.bar[led].blue);
  }
  return bytes;
}

}  // namespace alfaspark::board
