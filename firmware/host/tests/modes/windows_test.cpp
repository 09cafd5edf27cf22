// R3: the windows of time of use, on local time.
#include "alfaspark/modes/windows.hpp"

#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

constexpr std::uint8_t kEveryDay = 0x7F;

bool is_inside(const Window& window, std::int64_t local_s) {
  ModeSettings settings;
  settings.windows[5] = window;
  return is_inside_windows(settings, local_s);
}

}  // namespace

TEST_CASE("R3: a window holds its first minute and not its end") {
  const Window window{8 * 60, 10 * 60 + 30, kEveryDay};
  CHECK_FALSE(is_inside(window, local(kMonday, 7, 59, 59)));
  CHECK(is_inside(window, local(kMonday, 8)));
  CHECK(is_inside(window, local(kMonday, 10, 29, 59)));
  CHECK_FALSE(is_inside(window, local(kMonday, 10, 30)));
}

TEST_CASE("R3: a window to 24:00 ends with the day") {
  const Window window{0, 1440, 0x01};
  CHECK(is_inside(window, local(kMonday, 0)));
  CHECK(is_inside(window, local(kMonday, 23, 59, 59)));
  CHECK_FALSE(is_inside(window, local(kMonday + 1, 0)));
  CHECK_FALSE(is_inside(window, local(kMonday - 1, 23, 59)));
}

TEST_CASE("R3: a window past midnight belongs to the weekday on which it starts, also from Sunday to Monday") {
  const Window on_sundays{23 * 60, 6 * 60, 0x40};
  CHECK_FALSE(is_inside(on_sundays, local(kMonday - 1, 5)));
  CHECK_FALSE(is_inside(on_sundays, local(kMonday - 1, 22, 59)));
  CHECK(is_inside(on_sundays, local(kMonday - 1, 23)));
  CHECK(is_inside(on_sundays, local(kMonday, 5, 59)));
  CHECK_FALSE(is_inside(on_sundays, local(kMonday, 6)));
  CHECK_FALSE(is_inside(on_sundays, local(kMonday, 23)));
}

TEST_CASE("R3: each weekday is its own bit") {
  for (int bit = 0; bit < 7; ++bit) {
    for (int day = 0; day < 14; ++day) {
      const Window window{60, 120, static_cast<std::uint8_t>(1U << bit)};
      CHECK(is_inside(window, local(kMonday + day, 1, 30)) == (day % 7 == bit));
    }
  }
}

TEST_CASE("R3: time of use switches the inverter output with its windows; of two windows one is enough") {
  Bench bench;
  bench.set(Mode::kTimeOfUse, true);
  bench.settings.windows[0] = Window{6 * 60, 8 * 60, kEveryDay};
  bench.settings.windows[7] = Window{7 * 60, 9 * 60, kEveryDay};
  bench.set_clock(local(kMonday, 5, 58));
  bench.run(2 * kMinute - kSecond);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kOutsideWindow));
  bench.run(kSecond);
  CHECK(bench.is_closed_because(Relay::kInverter, Reason::kInsideWindow));
  bench.run(3 * kHour - kSecond, kSecond);
  CHECK(bench.is_closed(Relay::kInverter));
  bench.run(kSecond);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kOutsideWindow));
  bench.settings.windows = {};
  bench.run(kMinute);
  CHECK(bench.is_closed_because(Relay::kInverter, Reason::kManual));
}

TEST_CASE("R3: of eco and time of use the open wish wins") {
  Bench bench;
  bench.set(Mode::kTimeOfUse, true);
  bench.set(Mode::kEco, true);
  REQUIRE(bench.parameters.set(Parameter::kEcoShedInverter, 1));
  bench.settings.windows[0] = Window{6 * 60, 8 * 60, kEveryDay};
  bench.set_clock(local(kMonday, 7));
  bench.run(kSecond);
  REQUIRE(bench.is_closed_because(Relay::kInverter, Reason::kInsideWindow));
  bench.home_w = 5000.0F;
  bench.run(12 * kSecond);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kEcoShed));
  bench.home_w = 100.0F;
  bench.set_clock(local(kMonday, 9));
  bench.run(400 * kSecond);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kOutsideWindow));
}

TEST_CASE("R3: without a clock the inverter output holds, and closes when the clock counts as unknown") {
  Bench bench;
  bench.set(Mode::kTimeOfUse, true);
  bench.settings.windows[0] = Window{6 * 60, 8 * 60, kEveryDay};
  bench.board.positions = {true, false, true, true};
  bench.board.is_software_restart = true;
  bench.restart(HeldState{.positions = RelayPositions{.closed = 0b1101}});
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kStartUp));
  bench.clock_unknown = true;
  bench.run(kSecond);
  CHECK(bench.is_closed_because(Relay::kInverter, Reason::kClockUnknown));
}

}  // namespace alfaspark::modes_test
