// What lies in memory that a restart does not clear, and whether it is still what was written.
#pragma once

#include <cstdint>

namespace alfaspark::board {

/// Random after a power cut, and then not valid.
struct KeptState {
  std::uint32_t relays_closed;  ///< bits of frames::Relay
  std::uint32_t stuck_task;     ///< the task that the watchdog found stuck; 0: none
  std::uint32_t check;

  [[nodiscard]] bool is_valid() const { return check == expected(); }
  void seal() { check = expected(); }

 private:
  [[nodiscard]] std::uint32_t expected() const {
    constexpr std::uint32_t kMagic = 0xA1FA5BA4;
    constexpr std::uint32_t kOddPrime = 0x9E3779B1;
    return ((relays_closed * kOddPrime) ^ stuck_task) * kOddPrime ^ kMagic;
  }
};

}  // namespace alfaspark::board
