#include <algorithm>
#include <cmath>

#include "catch.hpp"
#include "simulator/plant/balance.hpp"
#include "simulator/plant/battery.hpp"
#include "simulator/plant/house.hpp"
#include "simulator/plant/mains.hpp"
#include "simulator/random.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kTinyW = 1e-6;

/// Often 0, often the same as another: that is where the cases meet.
double any_power(Random& random) {
  const double choice = random.unit();
  if (choice < 0.25) return 0.0;
  if (choice < 0.5) return 1000.0;
  return random.between(0.0, 15'000.0);
}

constexpr double kMorning = 1'780'300'800.0;  // 2026-06-01 08:00

}  // namespace

TEST_CASE("power in equals power out, whatever is asked and whatever there is") {
  Random random(1);
  for (int round = 0; round < 100'000; ++round) {
    const Demand demand{any_power(random), any_power(random), any_power(random)};
    const Supply supply{any_power(random), any_power(random), any_power(random), any_power(random)};
    const Flows flows = balance(demand, supply);

    REQUIRE(flows.grid_w + flows.solar_w == Approx(flows.home_w + flows.battery_w).margin(kTinyW));
    REQUIRE(flows.home_w == Approx(flows.inverter_w + flows.load1_w + flows.load2_w).margin(kTinyW));
    REQUIRE(flows.grid_w >= 0.0);
    REQUIRE(flows.grid_w <= supply.grid_w + kTinyW);
    REQUIRE(flows.solar_w >= 0.0);
    REQUIRE(flows.solar_w <= supply.solar_w + kTinyW);
    REQUIRE(flows.battery_w <= supply.charge_w + kTinyW);
    REQUIRE(-flows.battery_w <= supply.discharge_w + kTinyW);
    REQUIRE(flows.inverter_w <= demand.home_w + kTinyW);
    REQUIRE(flows.load1_w <= demand.load1_w + kTinyW);
    REQUIRE(flows.load2_w <= demand.load2_w + kTinyW);
  }
}

TEST_CASE("the sun comes first, then the grid, then the battery, and the rest is not served") {
  Random random(2);
  for (int round = 0; round < 100'000; ++round) {
    const Demand demand{any_power(random), any_power(random), any_power(random)};
    const Supply supply{any_power(random), any_power(random), any_power(random), any_power(random)};
    const Flows flows = balance(demand, supply);
    const double asked_w = demand.home_w + demand.load1_w + demand.load2_w;
    const bool served = flows.home_w > asked_w - kTinyW;
    const double charged_w = std::max(0.0, flows.battery_w);
    const bool sun_is_used_up = flows.solar_w > supply.solar_w - kTinyW;

    if (flows.grid_w > kTinyW + kGentleChargeW || flows.battery_w < -kTinyW) REQUIRE(sun_is_used_up);
    if (flows.battery_w < -kTinyW) REQUIRE(flows.grid_w > supply.grid_w - kTinyW);
    if (!served) REQUIRE(-flows.battery_w > supply.discharge_w - kTinyW);
    // Sun that is left over with room in the battery is a loss.
    if (!sun_is_used_up) REQUIRE(charged_w > supply.charge_w - kTinyW);
    // The grid adds to the sun's charging only up to the gentle power.
    if (flows.grid_w > asked_w + kTinyW) REQUIRE(charged_w < kGentleChargeW + kTinyW);
  }
}

TEST_CASE("what cannot be given is shared") {
  const Flows flows = balance({.home_w = 3000, .load1_w = 1000, .load2_w = 2000}, {.discharge_w = 3000});
  CHECK(flows.inverter_w == Approx(1500));
  CHECK(flows.load1_w == Approx(500));
  CHECK(flows.load2_w == Approx(1000));
  CHECK(flows.battery_w == Approx(-3000));
}

TEST_CASE("the battery's voltage follows its SOC, and its limits its ends") {
  Battery battery(55.0);
  CHECK(battery.voltage_v() == Approx(55.2));
  CHECK(battery.current_a(-447.12) == Approx(-8.1));
  CHECK(battery.limits().charge_w == Approx(5520));
  CHECK(battery.limits().discharge_w == Approx(5520));
  battery.set_soc_pct(100.0);
  CHECK(battery.limits().charge_w == 0.0);
  battery.set_soc_pct(0.0);
  CHECK(battery.limits().discharge_w == 0.0);
  CHECK(battery.voltage_v() == Approx(46.4));
}

TEST_CASE("a house keeps its energy through random weeks") {
  Random random(3);
  House house(Sun(5), 7, true);
  const double battery_before_wh = house.battery().soc_pct() / 100.0 * Battery::kCapacityWh;
  House::Contacts contacts = {true, true, true, true};
  bool grid_alive = true;
  Micros now = 0;
  for (int step = 0; step < 40'000; ++step) {
    if (random.chance(0.02)) contacts.at(random.next() % 4) ^= true;
    if (random.chance(0.01)) grid_alive = !grid_alive;
    if (random.chance(0.01)) house.fixed().home_w = random.between(0.0, 20'000.0);
    if (random.chance(0.01)) house.fixed().home_w.reset();
    if (random.chance(0.01)) house.fixed().irradiance = random.unit();
    if (random.chance(0.01)) house.fixed().irradiance.reset();
    house.update(kMorning + static_cast<double>(now) / 1e6, contacts, grid_alive);

    const Flows& flows = house.flows();
    REQUIRE(flows.grid_w + flows.solar_w == Approx(flows.home_w + flows.battery_w).margin(kTinyW));
    if (!contacts[0] || !grid_alive) REQUIRE(flows.grid_w == 0.0);
    if (!contacts[1]) REQUIRE(flows.inverter_w == 0.0);
    if (!contacts[2]) REQUIRE(flows.load1_w == 0.0);
    if (!contacts[3]) REQUIRE(flows.load2_w == 0.0);
    now += static_cast<Micros>(random.between(1e3, 60e6));
    house.settle(now);
    REQUIRE(house.battery().soc_pct() >= 0.0);
    REQUIRE(house.battery().soc_pct() <= 100.0);
  }
  const Energies& total = house.energies();
  CHECK(total.grid_wh + total.solar_wh ==
        Approx(total.home_wh + total.battery_charged_wh - total.battery_discharged_wh).epsilon(1e-9));
  const double battery_after_wh = house.battery().soc_pct() / 100.0 * Battery::kCapacityWh;
  CHECK(battery_after_wh - battery_before_wh ==
        Approx(total.battery_charged_wh - total.battery_discharged_wh).margin(1e-3));
  CHECK(total.solar_wh > 10'000.0);
  CHECK(total.grid_wh > 10'000.0);
  CHECK(total.battery_discharged_wh > 1'000.0);
  CHECK(total.load1_wh > 1'000.0);
  CHECK(total.load2_wh > 1'000.0);
}

TEST_CASE("a fixed power over an hour is exactly its energy") {
  House house(Sun(5), 7, true);
  house.fixed() = {.irradiance = 0.0, .home_w = 1500.0, .load1_w = 900.0, .load2_w = 0.0};
  house.battery().set_soc_pct(50.0);
  house.update(kMorning, {false, true, true, true}, true);
  house.settle(3600 * kSecond);
  CHECK(house.energies().home_wh == Approx(2400.0));
  CHECK(house.energies().load1_wh == Approx(900.0));
  CHECK(house.energies().battery_discharged_wh == Approx(2400.0));
  CHECK(house.battery().soc_pct() == Approx(50.0 - 2400.0 / Battery::kCapacityWh * 100.0));
  CHECK(house.currents_a()[1] == Approx(1500.0 / 220.0));
  CHECK(house.currents_a()[0] == 0.0);
}

TEST_CASE("the sun shines by day, in summer more than in winter, and never beyond its range") {
  const Sun sun(4);
  const auto day_sum = [&](double midnight_s) {
    double sum = 0.0;
    for (double s = 0.0; s < 86'400.0; s += 300.0) {
      const double irradiance = sun.irradiance(midnight_s + s);
      REQUIRE(irradiance >= 0.0);
      REQUIRE(irradiance <= 1.0);
      const bool is_night = s < 4.5 * 3600.0 || s > 21.0 * 3600.0;
      if (is_night) REQUIRE(irradiance == 0.0);
      sum += irradiance;
    }
    return sum;
  };
  double summer = 0.0;
  double winter = 0.0;
  constexpr double kJune = 1'780'272'000.0;
  constexpr double kDecember = 1'796'083'200.0;
  for (int day = 0; day < 30; ++day) {
    summer += day_sum(kJune + 86'400.0 * day);
    winter += day_sum(kDecember + 86'400.0 * day);
  }
  CHECK(summer > 1.5 * winter);
  CHECK(winter > 0.0);
}

TEST_CASE("a household's day is plausible") {
  const Household household(11);
  double home_wh = 0.0;
  double load1_wh = 0.0;
  double load2_wh = 0.0;
  for (double s = 0.0; s < 7 * 86'400.0; s += 10.0) {
    const Demand demand = household.demand(kMorning + s);
    REQUIRE(demand.home_w > 50.0);
    REQUIRE(demand.home_w < 8'000.0);
    home_wh += demand.home_w * 10.0 / 3600.0 / 7.0;
    load1_wh += demand.load1_w * 10.0 / 3600.0 / 7.0;
    load2_wh += demand.load2_w * 10.0 / 3600.0 / 7.0;
  }
  CHECK(home_wh > 5'000.0);
  CHECK(home_wh < 25'000.0);
  CHECK(load1_wh > 3'000.0);
  CHECK(load1_wh < 9'000.0);
  CHECK(load2_wh > 2'000.0);
  CHECK(load2_wh < 12'000.0);
}

TEST_CASE("zero crossings come once a cycle, also while the frequency changes") {
  Mains mains;
  CHECK(mains.next_zero_crossing(0) == 20'000);
  CHECK(mains.next_zero_crossing(20'000) == 40'000);
  CHECK(mains.next_zero_crossing(39'999) == 40'000);
  mains.set_frequency(30'000, 60.0);  // half a cycle is left: 1/120 s
  CHECK(mains.next_zero_crossing(30'000) == 38'333);
  Mains inverter;
  inverter.set_frequency(5'000, 51.0);
  inverter.align(33'000, mains);
  CHECK(inverter.next_zero_crossing(33'000) == 38'333);
}
