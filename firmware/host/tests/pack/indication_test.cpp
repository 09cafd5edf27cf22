// R6: what a whole pack shows of its battery, its host, its faults and the grid.
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::FaultCode;
namespace commands = frames::commands;

constexpr Rgb kGreen{0, 255, 0};
constexpr Rgb kRed{255, 0, 0};

long lit(const Indication& shown, Rgb colour) { return std::count(shown.bar.begin(), shown.bar.end(), colour); }

/// How one of the LEDs spent 4 s.
enum class Light { kDark, kBlinks, kLit };
Light watch(House& house, const PackStation& pack, bool Indication::* led) {
  constexpr int kLooks = 80;
  int on = 0;
  for (int i = 0; i < kLooks; ++i) {
    house.run(50 * kMillisecond);
    on += pack.lights.shown.*led ? 1 : 0;
  }
  return on == 0 ? Light::kDark : on == kLooks ? Light::kLit : Light::kBlinks;
}

}  // namespace

TEST_CASE("R6: at exactly 20 % two LEDs are red and SOC low is warned of, a register step above three are green") {
  House house;
  auto& pack = house.add(kSerial);
  pack.bms.voltage_v = 49.6;
  pack.bms.current_a = 0.0;
  house.run(15 * kSecond);
  CHECK(lit(pack.lights.shown, kRed) == 2);
  CHECK(lit(pack.lights.shown, Rgb{}) == 8);
  CHECK(pack.lights.shown.yellow);
  CHECK(warns(last_status(house), frames::PackWarning::kSocLow));
  pack.bms.voltage_v = 49.7;
  house.run(5 * kSecond);
  CHECK(lit(pack.lights.shown, kGreen) == 3);
  CHECK(pack.lights.shown.yellow);  // cleared at 22 % only
}

TEST_CASE("R6: red blinks while the grid is absent, and is solid with a fault, whatever the grid does") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kDark);
  pack.has_grid = false;
  house.run(kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kBlinks);
  CHECK(house.received<frames::Fault>(0).empty());
  pack.bms.is_silent = true;
  house.run(12 * kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kLit);
  CHECK(std::string(pack.lights.shown.display.begin(), pack.lights.shown.display.end()) == "---");
  pack.has_grid = true;
  house.run(2 * kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kLit);
  pack.bms.is_silent = false;
  house.run(30 * kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kDark);
}

TEST_CASE("R6: a grid sense that shows no mains is a fault, not an absent grid") {
  House house;
  auto& pack = house.add(kSerial);
  pack.grid_period = 8 * kMillisecond;  // 125 Hz
  house.run(20 * kSecond);
  CHECK(watch(house, pack, &Indication::red) == Light::kLit);
}

TEST_CASE("R6: green blinks until a host is there, and again 150 s after it was heard last") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  CHECK(watch(house, pack, &Indication::green) == Light::kBlinks);
  house.send(commands::SetTime{1'800'000'000, 60}, kAllNodes);
  house.run(kSecond);
  CHECK(watch(house, pack, &Indication::green) == Light::kLit);
  house.run(140 * kSecond);
  CHECK(watch(house, pack, &Indication::green) == Light::kLit);
  house.run(2 * kSecond);
  CHECK(watch(house, pack, &Indication::green) == Light::kBlinks);
}

TEST_CASE("R6: the bar's brightness is a parameter that counts at once") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  CHECK(pack.lights.shown.bar_brightness_pct == 30);
  house.send(commands::SetParameter{static_cast<std::uint8_t>(Parameter::kLedBrightness), 75}, pack->node());
  house.run(100 * kMillisecond);
  CHECK(pack.lights.shown.bar_brightness_pct == 75);
}

}  // namespace alfaspark::pack_test
