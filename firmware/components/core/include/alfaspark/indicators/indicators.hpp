// What the pack shows: LED bar, display, three status LEDs (requirements, R6).
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/ports.hpp"

namespace alfaspark {

class Indicators {
 public:
  struct State {
    std::optional<float> soc_pct{};
    bool is_charging = false;
    bool is_host_seen = false;
    bool has_warning = false;
    bool has_fault = false;
    bool is_grid_absent = false;
    std::uint8_t brightness_pct = 100;
  };

  explicit Indicators(IndicatorPort& port) : port_(port) {}

  /// Bar and LEDs blink for so long, to find the pack among others; 0 ends it.
  void identify(Micros now, std::uint8_t seconds) { identify_until_ = now + seconds * kSecond; }
  void tick(Micros now, const State& state);

 private:
  static constexpr Micros kRefresh = 20 * kMillisecond;

  IndicatorPort& port_;
  Micros identify_until_ = 0;
  Micros next_refresh_ = 0;
  std::optional<Indication> shown_;
};

/// What is shown at a moment, but for identifying.
Indication indication_of(Micros now, const Indicators::State& state);

}  // namespace alfaspark
