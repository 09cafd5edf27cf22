// The microcontroller: its serial number, its random numbers, its restart and why it came.
#pragma once

#include <cstdint>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark::board {

/// The tasks that the watchdog watches, as FAULT names them.
enum class Task : std::uint8_t { kUnknown = 0, kCore = 1, kPanel = 2 };
inline constexpr const char* kCoreTaskName = "core";
inline constexpr const char* kPanelTaskName = "panel";

class Chip final : public SystemPort {
 public:
  /// First of all: finds out why the device started.
  void start();

  std::uint32_t random() override;
  void restart() override;
  [[nodiscard]] LastRestart last_restart() const override { return last_restart_; }
  /// The relays kept their positions over this start.
  [[nodiscard]] bool kept_relays() const { return kept_relays_; }

 private:
  LastRestart last_restart_;
  bool kept_relays_ = false;
};

/// Bits of frames::Relay that were closed before a restart; written with every movement.
[[nodiscard]] std::uint8_t kept_relay_positions();
void keep_relay_positions(std::uint8_t closed);

/// The calling task is watched from now on.
void watch_this_task();
/// The calling task is alive.
void feed_watchdog();

/// From the chip's MAC address and the program's version; a failure restarts the device.
[[nodiscard]] Identity identity();
/// The image of an update came up: it stays.
void confirm_image();

}  // namespace alfaspark::board
