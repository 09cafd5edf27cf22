// Currents that contradict what else is known: they flow where nothing can.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

/// A condition that has to last before it counts.
class Lasting {
 public:
  explicit Lasting(Micros duration) : duration_(duration) {}

  void update(Micros now, bool condition) {
    if (!condition) {
      since_.reset();
    } else if (!since_) {
      since_ = now;
    }
    lasted_ = since_ && now - *since_ >= duration_;
  }
  [[nodiscard]] bool lasted() const { return lasted_; }

 private:
  Micros duration_;
  std::optional<Micros> since_;
  bool lasted_ = false;
};

class CurrentSuspicion {
 public:
  using Currents = std::array<std::optional<float>, kCurrentChannels>;

  /// `relays_closed`: bits of frames::Relay. `grid_absent`: what the sense input says.
  void update(Micros now, const Currents& currents_a, std::uint8_t relays_closed, bool grid_absent);

  /// More than 0.25 A for 1 s behind an open relay: more than a snubber or a cable leaks.
  [[nodiscard]] bool through_open_relay(std::size_t channel) const { return through_open_relay_[channel].lasted(); }
  /// 1 A was drawn for 5 s from a grid that the sense input calls absent; holds until that sees mains again.
  [[nodiscard]] bool from_absent_grid() const { return from_absent_grid_; }

 private:
  std::array<Lasting, kCurrentChannels> through_open_relay_{Lasting(kSecond), Lasting(kSecond), Lasting(kSecond),
                                                            Lasting(kSecond)};
  Lasting drawn_while_absent_{5 * kSecond};
  bool from_absent_grid_ = false;
};

}  // namespace alfaspark
