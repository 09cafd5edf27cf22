// R2: energy counters that do not drift.
#include "alfaspark/sensing/energy_counters.hpp"

#include <algorithm>

#include "catch.hpp"

namespace alfaspark {
namespace {

using frames::EnergyCounter;

Powers all_of(float power_w) {
  Powers powers;
  powers.grid_w = powers.home_w = powers.solar_w = powers.battery_w = powers.load1_w = powers.load2_w = power_w;
  return powers;
}

TEST_CASE("R2: each power counts in its own energy", "[sensing][energy]") {
  EnergyCounters counters;
  Powers powers;
  powers.grid_w = 100.0F;
  powers.home_w = 200.0F;
  powers.solar_w = 300.0F;
  powers.battery_w = 400.0F;
  powers.load1_w = 500.0F;
  powers.load2_w = 600.0F;
  powers.inverter_w = 9000.0F;
  for (int second = 0; second < 3600; ++second) counters.add(powers, kSecond);
  powers.battery_w = -50.0F;
  for (int second = 0; second < 3600; ++second) counters.add(powers, kSecond);
  CHECK(counters.energy_wh(EnergyCounter::kGrid) == Approx(200.0));
  CHECK(counters.energy_wh(EnergyCounter::kHome) == Approx(400.0));
  CHECK(counters.energy_wh(EnergyCounter::kSolar) == Approx(600.0));
  CHECK(counters.energy_wh(EnergyCounter::kBatteryCharged) == Approx(400.0));
  CHECK(counters.energy_wh(EnergyCounter::kBatteryDischarged) == Approx(50.0));
  CHECK(counters.energy_wh(EnergyCounter::kLoad1) == Approx(1000.0));
  CHECK(counters.energy_wh(EnergyCounter::kLoad2) == Approx(1200.0));
}

TEST_CASE("R2: an unknown power adds nothing", "[sensing][energy]") {
  EnergyCounters counters;
  counters.add(all_of(1000.0F), kSecond);
  const double before_wh = counters.energy_wh(EnergyCounter::kSolar);
  for (int second = 0; second < 3600; ++second) counters.add(Powers{}, kSecond);
  CHECK(counters.energy_wh(EnergyCounter::kSolar) == before_wh);
}

TEST_CASE("R2: a million small steps lose less than a millionth", "[sensing][energy]") {
  EnergyCounters counters;
  const float power_w = GENERATE(0.37F, 220.0F, 31'999.5F);
  // Something large first: what a float or a plain sum would swallow the small steps against.
  for (int hour = 0; hour < 100; ++hour) {
    for (int second = 0; second < 3600; ++second) counters.add(all_of(32'000.0F), kSecond);
  }
  const double before_wh = counters.energy_wh(EnergyCounter::kGrid);
  CHECK(before_wh == Approx(3.2e6).epsilon(1e-12));
  const int steps = 1'000'000;
  for (int step = 0; step < steps; ++step) counters.add(all_of(power_w), 4'999);
  const double truth_wh = static_cast<double>(power_w) * steps * 4'999e-6 / 3600.0;
  CHECK(counters.energy_wh(EnergyCounter::kGrid) - before_wh == Approx(truth_wh).epsilon(1e-6));
}

/// Adds 10 kW in steps of about that length, none of them round, until `until`.
void run(EnergyCounters& counters, Micros& now, Micros until, Micros step) {
  Powers powers;
  powers.grid_w = 10'000.0F;
  for (Micros jitter = 0; now < until; jitter = (jitter + 37) % 101) {
    const Micros duration = std::min(step - jitter, until - now);
    counters.add(powers, duration);
    now += duration;
  }
}

TEST_CASE("R2: a year at 10 kW is off by less than 0.01 %, on the bus too", "[sensing][energy]") {
  constexpr Micros kHour = 3600 * kSecond;
  constexpr Micros kYear = 365 * 24 * kHour;
  EnergyCounters counters;
  Micros now = 0;
  // A year of 5 ms ticks are 6.3e9. All but its last hour goes in steps of a second; the last hour in ticks proves that
  // a full counter loses none of them either.
  run(counters, now, kYear - kHour, kSecond);
  const double before_wh = counters.energy_wh(EnergyCounter::kGrid);
  CHECK(before_wh == Approx(10'000.0 * (365 * 24 - 1)).epsilon(1e-6));
  run(counters, now, kYear, 5 * kMillisecond);
  const double year_wh = counters.energy_wh(EnergyCounter::kGrid);
  CHECK(year_wh - before_wh == Approx(10'000.0).epsilon(1e-6));
  CHECK(year_wh == Approx(87.6e6).epsilon(1e-6));

  const frames::Energy sent{.counter = EnergyCounter::kGrid, .count_id = 1, .boot_id = 1, .value_wh = year_wh};
  const auto heard = frames::Energy::decode(sent.encode());
  REQUIRE(heard);
  CHECK(heard->value_wh == Approx(87.6e6).epsilon(1e-6));
}

}  // namespace
}  // namespace alfaspark
