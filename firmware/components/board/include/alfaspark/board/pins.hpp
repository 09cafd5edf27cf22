// What can be said of a choice of pins before it is soldered.
#pragma once

#include <array>
#include <cstddef>

namespace alfaspark::board {

/// No pin has two uses.
template <std::size_t N>
constexpr bool are_distinct(const std::array<int, N>& pins) {
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = i + 1; j < N; ++j) {
      if (pins[i] == pins[j]) return false;
    }
  }
  return true;
}

/// None is one of the pins 6 to 11, which the module's flash is on.
template <std::size_t N>
constexpr bool spare_the_flash(const std::array<int, N>& pins) {
  constexpr int kFirst = 6;
  constexpr int kLast = 11;
  for (const int pin : pins) {
    if (pin >= kFirst && pin <= kLast) return false;
  }
  return true;
}

}  // namespace alfaspark::board
