#include "alfaspark/sensing/grid_sense.hpp"

namespace alfaspark {

namespace {

using frames::GridState;

constexpr Micros kGlitch = kMillisecond;
constexpr Micros kFirstWait = kSecond;        // for a first pulse after start
constexpr Micros kBadCycles = kSecond;        // without a valid cycle before a present grid is unknown
constexpr Micros kImplausible = 3 * kSecond;  // of pulses before they are a fault
constexpr float kAbsentCycles = 2.25F;

}  // namespace

GridSense::GridSense(bool fitted, float nominal_frequency_hz)
    : fitted_(fitted),
      nominal_cycle_us_(1e6F / nominal_frequency_hz),
      state_(fitted ? GridState::kUnknown : GridState::kNotFitted) {}

void GridSense::start(Micros now) { started_at_ = now; }

Micros GridSense::absence_limit() const {
  return static_cast<Micros>(kAbsentCycles * cycle_us_.value_or(nominal_cycle_us_));
}

void GridSense::on_pulse(Micros at) {
  if (!fitted_) return;
  if (last_pulse_at_ && at - *last_pulse_at_ < kGlitch) return;
  tick(at);  // a gap before this pulse is an absence, even if no tick fell into it
  if (last_pulse_at_) {
    on_interval(at, at - *last_pulse_at_);
  } else {
    run_since_ = at;
  }
  if (state_ != GridState::kPresent && !unsettled_since_) unsettled_since_ = at;
  last_pulse_at_ = at;
}

void GridSense::on_interval(Micros at, Micros interval) {
  const float cycle_us = static_cast<float>(interval);
  if (cycle_us * kLowestMainsHz > 1e6F || cycle_us * kHighestMainsHz < 1e6F) {
    run_since_ = at;
    return;
  }
  last_valid_at_ = at;
  cycles_us_.add(cycle_us);
  if (const std::optional<float> mean = cycles_us_.mean()) cycle_us_ = mean;
  if (at - run_since_ >= kSettling) {
    state_ = GridState::kPresent;
    unsettled_since_.reset();
    implausible_ = false;
  }
}

void GridSense::become_absent() {
  state_ = GridState::kAbsent;
  implausible_ = false;
  unsettled_since_.reset();
  last_pulse_at_.reset();
  cycles_us_.reset();
  cycle_us_.reset();
}

void GridSense::tick(Micros now) {
  if (!fitted_) return;
  if (!last_pulse_at_) {
    if (now - started_at_ >= kFirstWait) state_ = GridState::kAbsent;
    return;
  }
  if (now - *last_pulse_at_ > absence_limit()) {
    become_absent();
    return;
  }
  if (state_ == GridState::kPresent && now - last_valid_at_ >= kBadCycles) {
    state_ = GridState::kUnknown;
    unsettled_since_ = last_valid_at_;
  }
  if (unsettled_since_ && now - *unsettled_since_ >= kImplausible) {
    implausible_ = true;
    state_ = GridState::kUnknown;
  }
}

std::optional<float> GridSense::frequency_hz() const {
  if (state_ == GridState::kAbsent) return 0.0F;
  if (state_ == GridState::kPresent && cycle_us_) return 1e6F / *cycle_us_;
  return std::nullopt;
}

std::optional<float> GridSense::cycle_s() const {
  if (state_ != GridState::kPresent || !cycle_us_) return std::nullopt;
  return *cycle_us_ * 1e-6F;
}

}  // namespace alfaspark
