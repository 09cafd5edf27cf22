// Requirement R6: what the pack shows.
#include "alfaspark/indicators/indicators.hpp"

#include <algorithm>
#include <string>

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

constexpr Rgb kOff{};
constexpr Rgb kGreen{0, 255, 0};
constexpr Rgb kRed{255, 0, 0};
constexpr Rgb kBlue{0, 0, 255};
constexpr Micros kOn = 0;                     // in the first half of a blink
constexpr Micros kDark = 600 * kMillisecond;  // in its second half

Indication at_soc(float soc_pct, Micros now = kOn) { return indication_of(now, {.soc_pct = soc_pct}); }
long lit(const Indication& shown, Rgb colour) { return std::count(shown.bar.begin(), shown.bar.end(), colour); }
std::string text(const Indication& shown) { return {shown.display.begin(), shown.display.end()}; }

}  // namespace

TEST_CASE("The bar lights ceil(SOC / 10) LEDs from the first, green above 20 %, red at or below") {
  const auto [soc_pct, count, colour] = GENERATE(table<float, long, Rgb>({{100.0F, 10, kGreen},
                                                                          {90.5F, 10, kGreen},
                                                                          {90.0F, 9, kGreen},
                                                                          {20.5F, 3, kGreen},
                                                                          {20.0F, 2, kRed},
                                                                          {0.5F, 1, kRed}}));
  const auto shown = at_soc(soc_pct);
  CHECK(lit(shown, colour) == count);
  CHECK(lit(shown, kOff) == 10 - count);
  CHECK(shown.bar[0] == colour);
}

TEST_CASE("An empty battery lights nothing, an unknown one a single amber LED and dashes") {
  CHECK(lit(at_soc(0.0F), kOff) == 10);
  const auto unknown = indication_of(kOn, {});
  CHECK(lit(unknown, kOff) == 9);
  CHECK(unknown.bar[0] != kRed);
  CHECK(unknown.bar[0].red > unknown.bar[0].green);
  CHECK(unknown.bar[0].green > 0);
  CHECK(text(unknown) == "---");
}

TEST_CASE("While charging a blue dot sweeps through the lit part to its end") {
  std::vector<std::size_t> places;
  for (Micros now = 0; now < 2 * kSecond; now += 20 * kMillisecond) {
    const auto shown = indication_of(now, {.soc_pct = 45.0F, .is_charging = true});
    REQUIRE(lit(shown, kBlue) == 1);
    REQUIRE(lit(shown, kGreen) == 4);
    const auto place =
        static_cast<std::size_t>(std::find(shown.bar.begin(), shown.bar.end(), kBlue) - shown.bar.begin());
    if (places.empty() || places.back() != place) places.push_back(place);
  }
  CHECK(places == std::vector<std::size_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
}

TEST_CASE("The display shows 0 to 100, and blinks at 1 Hz below 15 %") {
  CHECK(text(at_soc(0.0F)) == "  0");
  CHECK(text(at_soc(7.4F)) == "  7");
  CHECK(text(at_soc(55.5F)) == " 56");
  CHECK(text(at_soc(100.0F)) == "100");
  CHECK(text(at_soc(60.0F)) == " 60");
  CHECK(text(at_soc(14.9F, kDark)) == "   ");
  CHECK(text(at_soc(14.9F, kDark + 500 * kMillisecond)) == " 15");
  CHECK(text(at_soc(15.0F, kDark)) == " 15");
}

TEST_CASE("Green runs, and blinks without a host; yellow is a warning; red a fault, or blinking: no grid") {
  CHECK(indication_of(kDark, {.is_host_seen = true}).green);
  CHECK_FALSE(indication_of(kDark, {}).green);
  CHECK(indication_of(kOn, {}).green);
  CHECK(indication_of(kOn, {.has_warning = true}).yellow);
  CHECK_FALSE(indication_of(kOn, {}).yellow);
  CHECK_FALSE(indication_of(kOn, {}).red);
  CHECK(indication_of(kDark, {.has_fault = true, .is_grid_absent = true}).red);
  CHECK(indication_of(kOn, {.is_grid_absent = true}).red);
  CHECK_FALSE(indication_of(kDark, {.is_grid_absent = true}).red);
}

TEST_CASE("R6: a charging battery of unknown SOC is one amber LED; an empty or full one has its dot") {
  for (Micros now = 0; now < 3 * kSecond; now += 50 * kMillisecond) {
    const auto unknown = indication_of(now, {.is_charging = true});
    CHECK(lit(unknown, kBlue) == 0);
    CHECK(lit(unknown, kOff) == 9);
    CHECK(lit(indication_of(now, {.soc_pct = 0.0F, .is_charging = true}), kBlue) == 1);
    const auto full = indication_of(now, {.soc_pct = 100.0F, .is_charging = true});
    CHECK(lit(full, kBlue) == 1);
    CHECK(lit(full, kGreen) == 9);
  }
  CHECK(lit(indication_of(kOn, {.soc_pct = 60.0F}), kBlue) == 0);
}

TEST_CASE("R6: display, green and red blink once a second, on as long as off") {
  const Indicators::State state{.soc_pct = 9.0F, .is_grid_absent = true};
  int on = 0;
  int edges = 0;
  auto before = indication_of(0, state);
  for (Micros now = 0; now < 10 * kSecond; now += 10 * kMillisecond) {
    const auto shown = indication_of(now, state);
    CHECK(shown.red == shown.green);
    CHECK(shown.red == (text(shown) == "  9"));
    on += shown.red ? 1 : 0;
    edges += shown.red != before.red ? 1 : 0;
    before = shown;
  }
  CHECK(on == 500);
  CHECK(edges == 19);
}

TEST_CASE("R6: who turned the bar dark still finds the pack by IDENTIFY") {
  Lights lights;
  Indicators indicators(lights);
  indicators.identify(0, 2);
  indicators.tick(0, {.soc_pct = 50.0F, .brightness_pct = 0});
  CHECK(lights.shown.bar_brightness_pct > 0);
  indicators.tick(2 * kSecond, {.soc_pct = 50.0F, .brightness_pct = 0});
  CHECK(lights.shown.bar_brightness_pct == 0);
  indicators.identify(3 * kSecond, 2);
  indicators.tick(3 * kSecond, {.soc_pct = 50.0F, .brightness_pct = 100});
  CHECK(lights.shown.bar_brightness_pct == 100);
}

TEST_CASE("The port is called only when something changed") {
  Lights lights;
  Indicators indicators(lights);
  const Indicators::State steady{.soc_pct = 50.0F, .is_host_seen = true, .brightness_pct = 30};
  for (Micros now = 0; now < 10 * kSecond; now += 5 * kMillisecond) indicators.tick(now, steady);
  CHECK(lights.changes == 1);
  CHECK(lights.shown.bar_brightness_pct == 30);
}

TEST_CASE("IDENTIFY with 0 seconds ends the blinking") {
  Lights lights;
  Indicators indicators(lights);
  indicators.identify(0, 200);
  indicators.tick(0, {.soc_pct = 50.0F});
  CHECK(lit(lights.shown, kGreen) == 0);
  indicators.identify(kSecond, 0);
  indicators.tick(kSecond, {.soc_pct = 50.0F});
  CHECK(lit(lights.shown, kGreen) == 5);
}

}  // namespace alfaspark::control_test
