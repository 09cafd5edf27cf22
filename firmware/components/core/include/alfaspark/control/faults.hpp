// Faults that stand, and the FAULT frames that say so: one when a fault appears, one when it clears.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class Faults {
 public:
  /// A sensor fault stands for so long after it was last seen: it is judged anew with every measuring window.
  static constexpr Micros kSensorHold = 2 * kSecond;

  /// `channel`: of a sensor fault, else 0.
  void set(Micros now, frames::FaultCode code, bool active, std::uint8_t channel = 0);
  /// The next change to be sent, if any. A fault that came and went before it could be sent is sent as both.
  std::optional<frames::Fault> take_change();

  /// What a fault without channels says besides its code.
  void set_argument(frames::FaultCode code, std::uint8_t argument);
  /// Every active fault is told once more: a host came that may not know them.
  void repeat();
  /// As `repeat`, and that a fault that was told is cleared, too: frames may have been lost with the bus or the number.
  void repeat_all();

  [[nodiscard]] bool any() const { return active_ > 0; }
  [[nodiscard]] bool any_of_sensors() const { return active_of_sensors_ > 0; }

 private:
  static constexpr std::size_t kCodes = 12;

  struct Slot {
    bool active = false;
    bool unreported = false;               ///< became active, and no frame said so yet
    bool reported = false;                 ///< the last frame said active
    bool ever_reported = false;            ///< a frame said active since the start
    std::optional<std::uint8_t> argument;  ///< nullopt: the channel
    Micros seen_at = 0;
  };

  std::array<std::array<Slot, kCurrentChannels>, kCodes> slots_{};
  int active_ = 0;
  int active_of_sensors_ = 0;
  bool changed_ = false;  ///< spares looking through all slots when there is nothing to send
};

}  // namespace alfaspark
