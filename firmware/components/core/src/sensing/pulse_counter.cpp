#include "alfaspark/sensing/pulse_counter.hpp"

namespace alfaspark {

namespace {

constexpr Micros kGlitch = kMillisecond;
constexpr Micros kShortest = 30 * kMillisecond - kGlitch;

}  // namespace

void PulseCounter::on_edge(Micros at, bool on) {
  if (on == on_) return;
  on_ = on;
  if (at - level_since_ < kGlitch) {
    // The level that ends here did not happen: the one before goes on.
    level_since_ = previous_since_;
    return;
  }
  if (on) {
    on_closed(at);
  } else {
    on_opened(at);
  }
}

void PulseCounter::on_closed(Micros at) {
  valid_ = at - level_since_ >= kShortest;
  counted_ = false;
  previous_since_ = level_since_;
  level_since_ = at;
}

void PulseCounter::on_opened(Micros at) {
  if (valid_ && !counted_ && at - level_since_ >= kShortest) {
    counted_ = true;
    ++reading_.count;
    if (last_pulse_at_) reading_.interval_ms = static_cast<float>(level_since_ - *last_pulse_at_) * 1e-3F;
    last_pulse_at_ = level_since_;
  }
  previous_since_ = level_since_;
  level_since_ = at;
}

}  // namespace alfaspark
