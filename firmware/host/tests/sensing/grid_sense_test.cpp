// R2: grid presence and frequency from the sense input.
#include "alfaspark/sensing/grid_sense.hpp"

#include <cmath>

#include "catch.hpp"

namespace alfaspark {
namespace {

using frames::GridState;

/// Drives a GridSense with pulses and a tick every 5 ms.
class Mains {
 public:
  explicit Mains(float nominal_hz = 50.0F, bool fitted = true) : sense(fitted, nominal_hz) { sense.start(0); }

  void run(double frequency_hz, Micros duration) {
    const Micros end = now + duration;
    while (pulse_us_ + 1e6 / frequency_hz <= static_cast<double>(end)) {
      pulse_us_ += 1e6 / frequency_hz;
      const Micros at = std::llround(pulse_us_);
      if (at < now) continue;
      wait_until(at);
      sense.on_pulse(at);
    }
    wait_until(end);
  }

  void wait(Micros duration) { wait_until(now + duration); }

  void wait_until(Micros end) {
    while (next_tick_ <= end) {
      sense.tick(next_tick_);
      next_tick_ += 5 * kMillisecond;
    }
    now = end;
  }

  [[nodiscard]] Micros last_pulse() const { return std::llround(pulse_us_); }

  GridSense sense;
  Micros now = 0;

 private:
  Micros next_tick_ = 5 * kMillisecond;
  double pulse_us_ = 0.0;  ///< the last one, so that cycles go on from run to run
};

TEST_CASE("R2: the grid is present after 1 s of valid cycles, from 45 to 65 Hz", "[sensing][grid]") {
  const double frequency_hz = GENERATE(45.0, 49.8, 50.0, 60.0, 65.0);
  Mains mains;
  mains.run(frequency_hz, 980 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kUnknown);
  CHECK_FALSE(mains.sense.frequency_hz());
  mains.run(frequency_hz, 80 * kMillisecond);
  REQUIRE(mains.sense.state() == GridState::kPresent);
  mains.run(frequency_hz, 400 * kMillisecond);
  CHECK(*mains.sense.frequency_hz() == Approx(frequency_hz).margin(0.005));
  CHECK(*mains.sense.cycle_s() == Approx(1.0 / frequency_hz).epsilon(1e-4));
  CHECK_FALSE(mains.sense.implausible());
}

TEST_CASE("R2: absent is declared 2.25 periods after the last pulse", "[sensing][grid]") {
  const auto [frequency_hz, limit] = GENERATE(std::pair{50.0, Micros{45'000}}, std::pair{60.0, Micros{37'500}});
  Mains mains;  // nominal 50 Hz: at 60 Hz the measured period must count
  mains.run(frequency_hz, 2 * kSecond);
  const Micros last = mains.last_pulse();
  mains.sense.tick(last + limit - 100);
  CHECK(mains.sense.state() == GridState::kPresent);
  mains.sense.tick(last + limit + 100);
  CHECK(mains.sense.state() == GridState::kAbsent);
  CHECK(mains.sense.frequency_hz() == 0.0F);
  CHECK_FALSE(mains.sense.cycle_s());
}

TEST_CASE("R2: a gap is an absence even if no tick fell into it", "[sensing][grid]") {
  Mains mains;
  mains.run(50.0, 2 * kSecond);
  mains.sense.on_pulse(mains.now + 300 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kAbsent);
}

TEST_CASE("R2: a grid that returns is present after another second", "[sensing][grid]") {
  Mains mains;
  mains.run(50.0, 2 * kSecond);
  mains.wait(10 * kSecond);
  REQUIRE(mains.sense.state() == GridState::kAbsent);
  mains.run(50.0, 980 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kAbsent);
  mains.run(50.0, 40 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kPresent);
}

TEST_CASE("R2: a grid that never was there is absent after 1 s", "[sensing][grid]") {
  Mains mains;
  mains.wait(900 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kUnknown);
  mains.wait(200 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kAbsent);
}

TEST_CASE("R2: an edge within 1 ms of another is a glitch", "[sensing][grid]") {
  Mains mains;
  for (int cycle = 0; cycle < 100; ++cycle) {
    mains.wait(20 * kMillisecond);
    mains.sense.on_pulse(mains.now);
    mains.sense.on_pulse(mains.now + 300);
    mains.sense.on_pulse(mains.now + 990);
  }
  CHECK(mains.sense.state() == GridState::kPresent);
  CHECK(*mains.sense.frequency_hz() == Approx(50.0).margin(0.005));
}

TEST_CASE("R2: one lost or one extra pulse does not lose a present grid, nor its frequency", "[sensing][grid]") {
  Mains mains;
  mains.run(50.0, 2 * kSecond);
  SECTION("lost") { mains.wait(20 * kMillisecond); }
  SECTION("extra") { mains.sense.on_pulse(mains.now + 7 * kMillisecond); }
  mains.run(50.0, 40 * kMillisecond);
  CHECK(mains.sense.state() == GridState::kPresent);
  CHECK(*mains.sense.frequency_hz() == Approx(50.0).margin(0.005));
  mains.run(50.0, 2 * kSecond);
  CHECK(*mains.sense.frequency_hz() == Approx(50.0).margin(0.005));
  CHECK_FALSE(mains.sense.implausible());
}

TEST_CASE("R2: the frequency follows the grid within half a second", "[sensing][grid]") {
  Mains mains;
  mains.run(50.0, 2 * kSecond);
  mains.run(49.2, 500 * kMillisecond);
  CHECK(*mains.sense.frequency_hz() == Approx(49.2).margin(0.01));
}

TEST_CASE("R2: pulses that are no mains leave the grid unknown and are a fault", "[sensing][grid]") {
  const double frequency_hz = GENERATE(30.0, 43.0, 67.0, 100.0, 400.0);
  SECTION("from the start") {
    Mains mains;
    mains.run(frequency_hz, 2'900 * kMillisecond);
    CHECK(mains.sense.state() == GridState::kUnknown);
    CHECK_FALSE(mains.sense.implausible());
    mains.run(frequency_hz, 300 * kMillisecond);
    CHECK(mains.sense.state() == GridState::kUnknown);
    CHECK(mains.sense.implausible());
    CHECK_FALSE(mains.sense.frequency_hz());

    mains.run(50.0, 1'100 * kMillisecond);
    CHECK(mains.sense.state() == GridState::kPresent);
    CHECK_FALSE(mains.sense.implausible());
  }
  SECTION("after a good grid, and then nothing at all") {
    Mains mains;
    mains.run(50.0, 2 * kSecond);
    mains.run(frequency_hz, 3'200 * kMillisecond);
    CHECK(mains.sense.state() == GridState::kUnknown);
    CHECK(mains.sense.implausible());
    mains.wait(200 * kMillisecond);
    CHECK(mains.sense.state() == GridState::kAbsent);
    CHECK_FALSE(mains.sense.implausible());
  }
}

TEST_CASE("R2: without a sense input there is nothing to say", "[sensing][grid]") {
  Mains mains(50.0F, false);
  mains.run(50.0, 3 * kSecond);
  CHECK(mains.sense.state() == GridState::kNotFitted);
  CHECK_FALSE(mains.sense.frequency_hz());
  CHECK_FALSE(mains.sense.cycle_s());
}

}  // namespace
}  // namespace alfaspark
