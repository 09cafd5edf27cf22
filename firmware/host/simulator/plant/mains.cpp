#include "simulator/plant/mains.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark::sim {

double Mains::phase(Micros time) const {
  return phase_then_ + frequency_hz_ * static_cast<double>(time - since_) / 1e6;
}

void Mains::set_frequency(Micros now, double frequency_hz) {
  phase_then_ = std::fmod(phase(now), 1.0);
  since_ = now;
  frequency_hz_ = frequency_hz;
}

void Mains::align(Micros now, const Mains& other) {
  phase_then_ = std::fmod(other.phase(now), 1.0);
  since_ = now;
  frequency_hz_ = other.frequency_hz_;
}

Micros Mains::next_zero_crossing(Micros time) const {
  const auto crossing = [this](double cycle) {
    return since_ + static_cast<Micros>(std::llround((cycle - phase_then_) / frequency_hz_ * 1e6));
  };
  const double cycle = std::floor(phase(time)) + 1.0;
  // Rounding to whole microseconds may give the crossing that `time` itself is.
  const Micros next = crossing(cycle);
  return next > time ? next : crossing(cycle + 1.0);
}

}  // namespace alfaspark::sim
