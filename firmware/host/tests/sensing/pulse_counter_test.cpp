// R2: S0 inputs, IEC 62053-31: at least 30 ms on and 30 ms off.
#include "alfaspark/sensing/pulse_counter.hpp"

#include "catch.hpp"

namespace alfaspark {
namespace {

struct S0 {
  S0() { counter.start(0); }

  void level(bool on, Micros duration) {
    counter.on_edge(now, on);
    now += duration;
  }
  void pulse(Micros on, Micros off) {
    level(true, on);
    level(false, off);
  }

  PulseCounter counter;
  Micros now = kSecond;
};

constexpr Micros kMs = kMillisecond;

TEST_CASE("R2: S0 pulses are counted with the time between their beginnings", "[sensing][s0]") {
  S0 s0;
  s0.pulse(30 * kMs, 330 * kMs);
  CHECK(s0.counter.reading().count == 1);
  CHECK_FALSE(s0.counter.reading().interval_ms);
  s0.pulse(90 * kMs, 270 * kMs);
  CHECK(s0.counter.reading().count == 2);
  CHECK(*s0.counter.reading().interval_ms == Approx(360.0));
  s0.pulse(30 * kMs, 30 * kMs);
  s0.pulse(30 * kMs, 30 * kMs);
  CHECK(s0.counter.reading().count == 4);
  CHECK(*s0.counter.reading().interval_ms == Approx(60.0));
}

TEST_CASE("R2: what is shorter than 30 ms is no S0 pulse", "[sensing][s0]") {
  S0 s0;
  SECTION("on") { s0.pulse(28 * kMs, 500 * kMs); }
  SECTION("a glitch of 80 ns") { s0.pulse(0, 500 * kMs); }
  CHECK(s0.counter.reading().count == 0);
  s0.pulse(40 * kMs, 500 * kMs);
  CHECK(s0.counter.reading().count == 1);
}

TEST_CASE("R2: a closing after less than 30 ms open is no S0 pulse", "[sensing][s0]") {
  S0 s0;
  s0.pulse(40 * kMs, 20 * kMs);
  s0.pulse(40 * kMs, 500 * kMs);
  CHECK(s0.counter.reading().count == 1);
}

TEST_CASE("R2: a bouncing contact counts once, and no bounce costs a pulse", "[sensing][s0]") {
  S0 s0;
  for (int pulse = 0; pulse < 3; ++pulse) {
    s0.level(true, 300);
    s0.level(false, 200);
    s0.level(true, 29'500);
    s0.level(false, 400);
    s0.level(true, 300);
    s0.level(false, 500 * kMs);
  }
  CHECK(s0.counter.reading().count == 3);
}

TEST_CASE("R2: a short dip does not split an S0 pulse", "[sensing][s0]") {
  S0 s0;
  s0.level(true, 40 * kMs);
  s0.level(false, 500);
  s0.level(true, 40 * kMs);
  s0.level(false, 500 * kMs);
  CHECK(s0.counter.reading().count == 1);
}

TEST_CASE("R2: a glitch neither splits nor shortens what it falls into", "[sensing][s0]") {
  S0 s0;
  SECTION("an S0 pulse") {
    s0.level(true, 10 * kMs);
    s0.level(false, 200);
    s0.level(true, 21 * kMs);
  }
  SECTION("the rest before it") {
    s0.level(true, 200);
    s0.level(false, 10 * kMs);
    s0.level(true, 31 * kMs);
  }
  s0.level(false, 500 * kMs);
  CHECK(s0.counter.reading().count == 1);
}

TEST_CASE("R2: a contact that was closed at the start does not count its opening", "[sensing][s0]") {
  S0 s0;
  s0.level(false, 500 * kMs);
  CHECK(s0.counter.reading().count == 0);
  s0.pulse(40 * kMs, 500 * kMs);
  CHECK(s0.counter.reading().count == 1);
}

TEST_CASE("R2: 10 kW at 1 Wh a pulse: none is lost in an hour", "[sensing][s0]") {
  S0 s0;
  for (int pulse = 0; pulse < 10'000; ++pulse) s0.pulse(30 * kMs, 330 * kMs);
  CHECK(s0.counter.reading().count == 10'000);
  CHECK(*s0.counter.reading().interval_ms == Approx(360.0));
}

}  // namespace
}  // namespace alfaspark
