// R3 and R4: the daily import limit, its latch, its reset and its clock.
#include <utility>

#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

/// Limit 2 kWh, on, at noon of a Monday.
Bench limited() {
  Bench bench;
  REQUIRE(bench.parameters.set(Parameter::kImportLimit, 200));
  bench.set(Mode::kImportLimit, true);
  bench.set_clock(local(kMonday, 12));
  bench.tick();
  return bench;
}

void exhaust(Bench& bench) {
  bench.add_grid_wh(2000.0);
  bench.tick();
  REQUIRE(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
}

}  // namespace

TEST_CASE("R3: the relay opens at the limit and nothing closes it before the reset") {
  auto bench = limited();
  bench.add_grid_wh(1999.0);
  bench.tick();
  CHECK(bench.is_closed(Relay::kGrid));
  bench.add_grid_wh(1.0);
  bench.tick();
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  bench.set(Mode::kBackup, true);
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 1.0F;
  const auto verdict = bench.control->set_manual(bench.now, Relay::kGrid, true);
  CHECK(verdict.result == Result::kRefused);
  CHECK(verdict.reason == Reason::kImportLimitExhausted);
  bench.run(17 * kHour - kMinute, kSecond);  // 04:59
  CHECK_FALSE(bench.is_closed(Relay::kGrid));
  bench.run(2 * kMinute);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kBackup));
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R3: opening because of the limit does not wait for the minimum time") {
  auto bench = limited();
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 60.0F;
  bench.tick();
  bench.soc_pct = 5.0F;
  bench.run(kMinute);
  REQUIRE(bench.is_closed(Relay::kGrid));
  bench.add_grid_wh(2000.0);
  bench.now += 5 * kMillisecond;
  bench.tick();
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
}

TEST_CASE("R3: warnings at 80 and 90 % while the limit is on") {
  auto bench = limited();
  bench.add_grid_wh(1599.0);
  bench.tick();
  CHECK_FALSE(bench.control->is_import_above(80));
  bench.add_grid_wh(1.0);
  bench.tick();
  CHECK(bench.control->is_import_above(80));
  CHECK_FALSE(bench.control->is_import_above(90));
  bench.add_grid_wh(400.0);
  bench.tick();
  CHECK(bench.control->is_import_above(80));
  CHECK(bench.control->is_import_above(90));
  CHECK(bench.control->is_import_exhausted());
  bench.set(Mode::kImportLimit, false);
  bench.tick();
  CHECK_FALSE(bench.control->is_import_above(80));
  CHECK_FALSE(bench.control->is_import_exhausted());
}

TEST_CASE("R3: off and on again keeps the count; a limit above the count releases, one below does not") {
  auto bench = limited();
  exhaust(bench);
  SECTION("off and on") {
    bench.set(Mode::kImportLimit, false);
    bench.run(2 * kMinute);
    CHECK(bench.is_closed_because(Relay::kGrid, Reason::kManual));
    bench.set(Mode::kImportLimit, true);
    bench.tick();
    CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  }
  SECTION("raised above the count") {
    REQUIRE(bench.parameters.set(Parameter::kImportLimit, 201));
    bench.run(2 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
    CHECK(bench.control->import_today_kwh() == 2.0F);
  }
  SECTION("raised, but not above the count") {
    bench.add_grid_wh(500.0);
    REQUIRE(bench.parameters.set(Parameter::kImportLimit, 250));
    bench.run(2 * kMinute);
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
  }
  SECTION("RESET_IMPORT") {
    bench.control->reset_import(bench.now);
    bench.run(2 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
}

TEST_CASE("R3: the count resets once a day at the reset time, over midnight, ends of months and years") {
  // The last days of a month of 31, of 30, of February 2027 and of a leap February, and of a year.
  const auto day = GENERATE(values<std::int64_t>({20605 + 60, 20605 + 29, 20878, 21244, 20818}));
  Bench bench;
  bench.set_clock(local(day, 23, 30));
  bench.tick();
  bench.add_grid_wh(700.0);
  bench.run(5 * kHour + 29 * kMinute, kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.7));  // 04:59
  bench.run(kMinute, kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);  // 05:00
  bench.add_grid_wh(300.0);
  bench.run(24 * kHour - kSecond, kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.3));
  bench.run(kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R5: the hour that is lived twice in autumn resets once, the one that is left out in spring too") {
  Bench bench;
  const auto reset_min = GENERATE(120, 150, 300);
  REQUIRE(bench.parameters.set(Parameter::kImportResetTime, reset_min));
  bench.set_clock(local(kMonday, 1, 30));
  bench.tick();
  bench.add_grid_wh(100.0);
  int resets = 0;
  float before = 0.1F;
  const auto pass = [&](Micros duration) {
    for (const Micros end = bench.now + duration; bench.now < end;) {
      bench.run(10 * kSecond, 10 * kSecond);
      bench.add_grid_wh(0.01);
      const auto import = bench.control->import_today_kwh().value();
      resets += import < before ? 1 : 0;
      before = import;
    }
  };
  pass(90 * kMinute);  // 03:00
  if (GENERATE(true, false)) {
    bench.set_clock(local(kMonday, 2));  // and once more
  } else {
    bench.set_clock(local(kMonday, 4));
  }
  pass(20 * kHour);
  CHECK(resets == 1);
}

TEST_CASE("R5: a clock that jumps") {
  auto bench = limited();
  exhaust(bench);
  SECTION("back over the reset and forward again resets nothing") {
    bench.set_clock(local(kMonday, 4, 59));
    bench.run(5 * kMinute, kSecond);
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
  }
  SECTION("back by months resets nothing; the next days are counted as ever") {
    bench.set_clock(local(kMonday - 100, 12));
    bench.run(16 * kHour, kSecond);
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
    bench.run(6 * kHour, kSecond);
    CHECK(bench.is_closed(Relay::kGrid));
  }
  SECTION("far ahead resets once, put right it goes on with the real days") {
    bench.set_clock(local(kMonday + 20'000, 12));
    bench.run(2 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
    bench.set_clock(local(kMonday, 12, 5));
    exhaust(bench);
    bench.run(18 * kHour, kSecond);  // 06:05, but the last reset is less than 20 h ago
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
    bench.run(24 * kHour, kSecond);
    CHECK(bench.is_closed(Relay::kGrid));
  }
  SECTION("into the next day resets") {
    bench.set_clock(local(kMonday + 1, 5));
    bench.run(2 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
  }
}

TEST_CASE("R5: without a clock the count resets 24 h after the start and after each reset") {
  Bench bench;
  bench.tick();
  bench.add_grid_wh(100.0);
  bench.run(24 * kHour - kSecond, kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.1));
  bench.run(kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
  bench.add_grid_wh(50.0);
  bench.run(24 * kHour - kSecond, kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.05));
  bench.run(kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R5: a reset time that passed before the clock came is made up for") {
  Bench bench;
  bench.tick();
  bench.add_grid_wh(100.0);
  bench.run(2 * kHour, kSecond);
  SECTION("passed") {
    bench.set_clock(local(kMonday, 6));
    bench.run(kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
    CHECK(bench.control->restore_import(100, kMonday) == Result::kOutOfRange);
  }
  SECTION("not passed") {
    bench.set_clock(local(kMonday, 7, 30));
    bench.run(kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.1));
    CHECK(bench.control->restore_import(100, kMonday) == Result::kAccepted);
    CHECK(bench.control->import_today_kwh() == Approx(1.1));
  }
}

TEST_CASE("R4: an exhausted limit survives a restart and a power cut, with its day and its count") {
  auto bench = limited();
  exhaust(bench);
  const auto held = bench.control->held();
  const auto movements = bench.board.movements;
  bench.local_s.reset();
  const bool is_power_cut = GENERATE(true, false);
  is_power_cut ? bench.cut_power(held) : bench.restart(held);
  bench.tick();
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  if (!is_power_cut) CHECK(bench.board.movements == movements);
  CHECK(bench.control->import_today_kwh() == 2.0F);
  SECTION("the same day keeps it") {
    bench.set_clock(local(kMonday, 23));
    bench.run(2 * kMinute);
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
    CHECK(bench.control->restore_import(50, kMonday) == Result::kAccepted);
    CHECK(bench.control->import_today_kwh() == 2.0F);  // the pack knows better
  }
  SECTION("a known day that differs clears it") {
    bench.set_clock(local(kMonday + 1, 9));
    bench.run(2 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
  SECTION("24 h without a clock clear it") {
    bench.run(24 * kHour - kMinute, kSecond);
    CHECK_FALSE(bench.is_closed(Relay::kGrid));
    bench.run(3 * kMinute);
    CHECK(bench.is_closed(Relay::kGrid));
  }
}

TEST_CASE("R4: an exhaustion without a clock takes the first day that is known") {
  Bench bench;
  REQUIRE(bench.parameters.set(Parameter::kImportLimit, 200));
  bench.set(Mode::kImportLimit, true);
  bench.tick();
  exhaust(bench);
  CHECK_FALSE(bench.control->held().latch.value().import_day);
  bench.restart(bench.control->held());
  bench.run(kSecond);
  bench.set_clock(local(kMonday, 12));
  bench.run(kSecond);
  CHECK_FALSE(bench.is_closed(Relay::kGrid));
  CHECK(bench.control->held().latch.value().import_day == kMonday);
  bench.run(17 * kHour + kMinute, kSecond);
  CHECK(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R3: today's import handed back may exhaust the limit at once") {
  auto bench = limited();
  bench.restart(bench.control->held());
  bench.run(kSecond);
  CHECK(bench.control->restore_import(200, kMonday) == Result::kAccepted);
  bench.tick();
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
}

TEST_CASE("R3: by a parameter the grid stays open after any restart until the reset; by default it goes on") {
  auto bench = limited();
  const bool stays_open = GENERATE(true, false);
  REQUIRE(bench.parameters.set(Parameter::kImportLimitAfterRestart, stays_open ? 1 : 0));
  bench.restart(bench.control->held());
  bench.run(kSecond);
  CHECK(bench.is_closed(Relay::kGrid) == !stays_open);
  bench.run(17 * kHour + 2 * kMinute, kSecond);
  CHECK(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R3: today's import handed back twice counts once, also after the limit is exhausted") {
  auto bench = limited();
  bench.restart(bench.control->held());
  bench.run(kSecond);
  CHECK(bench.control->restore_import(150, kMonday) == Result::kAccepted);
  bench.add_grid_wh(500.0);
  bench.tick();
  REQUIRE(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  CHECK(bench.control->restore_import(150, kMonday) == Result::kAccepted);
  CHECK(bench.control->import_today_kwh() == 2.0F);
  REQUIRE(bench.parameters.set(Parameter::kImportLimit, 210));
  bench.run(2 * kMinute);
  CHECK(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R3: a limit that holds the grid open after a restart is exhausted with all its warnings") {
  auto bench = limited();
  REQUIRE(bench.parameters.set(Parameter::kImportLimitAfterRestart, 1));
  bench.restart(bench.control->held());
  bench.run(kSecond);
  REQUIRE(bench.control->is_import_exhausted());
  CHECK(bench.control->is_import_above(80));
  CHECK(bench.control->is_import_above(90));
}

TEST_CASE(
    "R3: by the parameter the grid stays open until the reset also where the limit was exhausted on another day") {
  auto bench = limited();
  REQUIRE(bench.parameters.set(Parameter::kImportLimitAfterRestart, 1));
  exhaust(bench);
  bench.local_s.reset();
  bench.restart(bench.control->held());
  bench.run(kMinute);
  bench.set_clock(local(kMonday + 1, 10));
  bench.run(2 * kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  CHECK(bench.control->import_today_kwh() == 0.0F);
  bench.run(19 * kHour, kSecond);
  CHECK(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R5: a clock that is wrong for a minute, long after the reset, does not begin the day again") {
  auto bench = limited();
  bench.run(17 * kHour + kMinute, kSecond);  // 05:01
  bench.add_grid_wh(500.0);
  bench.run(23 * kHour, kSecond);
  const auto wrong = GENERATE(local(kMonday - 1, 4, 1), local(kMonday - 8000, 12));
  bench.set_clock(wrong);
  bench.run(kMinute, kSecond);
  bench.set_clock(local(kMonday + 2, 4, 2));
  bench.run(57 * kMinute, kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.5));
  bench.run(2 * kMinute, kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R3: the import is unknown until the grid was measured once") {
  Bench bench;
  bench.grid_w.reset();
  bench.run(kSecond);
  CHECK_FALSE(bench.control->import_today_kwh());
  bench.grid_w = 0.0F;
  bench.run(kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R4: a software restart carries the import over, and RESTORE_IMPORT neither adds to it nor takes of it") {
  auto bench = limited();
  bench.set(Mode::kImportLimit, GENERATE(true, false));
  bench.add_grid_wh(700.5);
  bench.tick();
  bench.local_s.reset();
  for (int restarts = 0; restarts < 3; ++restarts) {
    bench.restart_carrying(bench.control->held());
    bench.tick();
    CHECK(bench.control->import_today_kwh() == Approx(0.7005));
  }
  CHECK(bench.control->restore_import(10, kMonday) == Result::kBusy);  // it has the day, but not the time
  bench.add_grid_wh(100.0);
  bench.set_clock(local(kMonday, 12, 1));
  bench.tick();
  CHECK(bench.control->import_today_kwh() == Approx(0.8005));
  CHECK(bench.control->restore_import(70, kMonday) == Result::kAccepted);  // as the last STATUS said
  CHECK(bench.control->import_today_kwh() == Approx(0.8005));
  CHECK(bench.control->restore_import(120, kMonday) == Result::kAccepted);  // of a boot before, that this pack forgot
  CHECK(bench.control->import_today_kwh() == Approx(1.3));
  CHECK(bench.control->restore_import(70, kMonday - 1) == Result::kOutOfRange);
}

TEST_CASE("R4: a carried import exhausts the limit when it is drawn, and its latch needs no flash") {
  auto bench = limited();
  bench.board.is_software_restart = true;
  const auto on_flash = bench.control->held();
  bench.add_grid_wh(1500.0);
  bench.tick();
  bench.restart_carrying(on_flash);
  bench.run(kMinute);
  CHECK(bench.is_closed(Relay::kGrid));
  bench.add_grid_wh(500.0);
  bench.tick();
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  bench.restart_carrying(on_flash);
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  const auto exhausted_on_flash = bench.control->held();
  bench.control->reset_import(bench.now);
  bench.restart_carrying(exhausted_on_flash);
  bench.run(3 * kMinute);
  CHECK(bench.is_closed(Relay::kGrid));  // the reset was not on flash yet
  CHECK(bench.control->import_today_kwh() == 0.0F);
}

TEST_CASE("R5: a carried import is reset once, at the reset time, whenever the restart comes") {
  auto bench = limited();
  bench.add_grid_wh(700.0);
  bench.run(17 * kHour - kMinute, kSecond);  // 04:59
  REQUIRE(bench.control->import_today_kwh() == Approx(0.7));
  SECTION("before it, with the clock back in time") {
    bench.restart_carrying(bench.control->held());
    bench.run(50 * kSecond, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.7));
    bench.run(11 * kSecond, kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
  SECTION("before it, and the clock comes after it") {
    const auto clock = std::exchange(bench.local_s, std::nullopt);
    bench.restart_carrying(bench.control->held());
    bench.run(2 * kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.7));
    bench.local_s = clock;
    bench.tick();
    CHECK(bench.control->import_today_kwh() == 0.0F);
    CHECK(bench.control->restore_import(70, kMonday + 1) == Result::kOutOfRange);  // it was reset since the start
  }
  SECTION("after it") {
    bench.run(2 * kMinute, kSecond);
    bench.add_grid_wh(30.0);
    bench.tick();
    bench.restart_carrying(bench.control->held());
    bench.run(kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.03));
    CHECK(bench.control->restore_import(3, kMonday + 1) == Result::kAccepted);
    CHECK(bench.control->import_today_kwh() == Approx(0.03));
    bench.run(23 * kHour, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.03));
    bench.run(kHour, kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
}

TEST_CASE("R5: restarts in the hour that is lived twice reset nothing again, and none ends a day of 25 h early") {
  Bench bench;
  bench.set_clock(local(kMonday, 4, 30));
  bench.run(kHour, kSecond);  // reset at 05:00, now 05:30
  bench.add_grid_wh(200.0);
  SECTION("back over the reset, and over it again") {
    bench.set_clock(local(kMonday, 4, 30));
    bench.run(10 * kMinute, kSecond);
    bench.restart_carrying(bench.control->held());
    bench.run(40 * kMinute, kSecond);  // 05:20
    CHECK(bench.control->import_today_kwh() == Approx(0.2));
  }
  SECTION("25 h") {
    bench.run(20 * kHour, kSecond);  // 01:30
    bench.set_clock(local(kMonday + 1, 0, 30));
    bench.run(4 * kHour + 20 * kMinute, kSecond);  // 04:50, 24 h 50 min after the reset
    const auto clock = std::exchange(bench.local_s, std::nullopt);
    bench.restart_carrying(bench.control->held());
    bench.run(kMinute, kSecond);
    bench.local_s = clock;
    bench.run(kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.2));
    bench.run(10 * kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
}

TEST_CASE("R5: without a clock the 24 h go on over software restarts, and a clock that comes then finds the day") {
  Bench bench;
  bench.tick();
  bench.add_grid_wh(100.0);
  bench.run(20 * kHour, kSecond);
  bench.restart_carrying(bench.control->held());
  SECTION("none comes") {
    bench.run(4 * kHour - kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.1));
    bench.run(2 * kMinute, kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
  SECTION("the reset passed before the restart") {
    bench.set_clock(local(kMonday, 12));
    bench.run(kSecond);
    CHECK(bench.control->import_today_kwh() == 0.0F);
  }
  SECTION("it did not") {
    bench.set_clock(local(kMonday, 3));
    bench.run(kSecond);
    CHECK(bench.control->import_today_kwh() == Approx(0.1));
  }
}

TEST_CASE(
    "R5: a carried day whose clock does not come back ends 24 h after the restart, and not once more by the clock") {
  auto bench = limited();
  bench.add_grid_wh(100.0);
  bench.tick();
  bench.local_s.reset();
  bench.restart_carrying(bench.control->held());
  bench.run(24 * kHour + kSecond, kSecond);
  CHECK(bench.control->import_today_kwh() == 0.0F);
  bench.add_grid_wh(50.0);
  bench.run(kHour, kSecond);
  bench.set_clock(local(kMonday + 1, 13));
  bench.run(kSecond);
  CHECK(bench.control->import_today_kwh() == Approx(0.05));
}

TEST_CASE("R3: by the parameter the grid stays open after a restart that carries the import, too") {
  auto bench = limited();
  REQUIRE(bench.parameters.set(Parameter::kImportLimitAfterRestart, 1));
  bench.add_grid_wh(100.0);
  bench.tick();
  bench.restart_carrying(bench.control->held());
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kImportLimitExhausted));
  CHECK(bench.control->import_today_kwh() == Approx(0.1));
  bench.run(17 * kHour + kMinute, kSecond);
  CHECK(bench.is_closed(Relay::kGrid));
}

}  // namespace alfaspark::modes_test
