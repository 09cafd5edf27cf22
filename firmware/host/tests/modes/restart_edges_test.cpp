// R3 and R4: a controller that restarts before its last decision is on flash still moves no relay.
#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

/// Restarts with what was on flash before the last decision, and with the latch, which is written at once.
void crash(Bench& bench, HeldState on_flash) {
  on_flash.latch = bench.control->held().latch;
  bench.board.is_software_restart = true;
  bench.board.movements = 0;
  bench.restart(on_flash);
}

}  // namespace

TEST_CASE("R4: a decision of self-consumption that is not on flash yet is read from the relay") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 9.0F;
  bench.run(2 * kMinute);
  SECTION("open") {
    const auto on_flash = bench.control->held();
    bench.soc_pct = 50.0F;
    bench.run(kSecond);
    REQUIRE_FALSE(bench.is_closed(Relay::kGrid));
    crash(bench, on_flash);
    bench.soc_pct = 49.9F;
    bench.run(2 * kMinute);
    CHECK(bench.is_open_because(Relay::kGrid, Reason::kSelfConsumptionCharged));
    CHECK(bench.board.movements == 0);
  }
  SECTION("closed") {
    bench.soc_pct = 60.0F;
    bench.run(2 * kMinute);
    const auto on_flash = bench.control->held();
    bench.soc_pct = 10.0F;
    bench.run(kSecond);
    REQUIRE(bench.is_closed(Relay::kGrid));
    crash(bench, on_flash);
    bench.soc_pct = 10.1F;
    bench.run(2 * kMinute);
    CHECK(bench.is_closed_because(Relay::kGrid, Reason::kSelfConsumptionLowSoc));
    CHECK(bench.board.movements == 0);
  }
}

TEST_CASE("R4: a mode that is on and wants nothing leaves the hand's last command where it was") {
  const auto mode = GENERATE(Mode::kImportLimit, Mode::kTimeOfUse, Mode::kEco);
  const auto relay = mode == Mode::kImportLimit ? Relay::kGrid : Relay::kInverter;
  Bench bench;
  bench.set(mode, true);
  bench.run(kMinute);
  bool closed = false;
  if (GENERATE(true, false)) {
    REQUIRE(bench.control->set_manual(bench.now, relay, false).result == Result::kAccepted);
    bench.run(kMinute);
    closed = true;
  }
  const auto on_flash = bench.control->held();
  REQUIRE(bench.control->set_manual(bench.now, relay, closed).result == Result::kAccepted);
  crash(bench, on_flash);
  bench.run(2 * kMinute);
  CHECK(bench.is_closed(relay) == closed);
  CHECK(bench.reason(relay) == Reason::kManual);
  CHECK(bench.board.movements == 0);
}

TEST_CASE("R4: a load that the hand closed while eco was on stays closed") {
  Bench bench;
  bench.set(Mode::kEco, true);
  bench.control->set_manual(bench.now, Relay::kLoad1, false);
  bench.run(kMinute);
  const auto on_flash = bench.control->held();
  REQUIRE(bench.control->set_manual(bench.now, Relay::kLoad1, true).result == Result::kAccepted);
  crash(bench, on_flash);
  bench.run(2 * kMinute);
  CHECK(bench.is_closed_because(Relay::kLoad1, Reason::kManual));
  CHECK(bench.board.movements == 0);
}

TEST_CASE("R4: an inverter output that eco has just shed stays shed") {
  Bench bench;
  REQUIRE(bench.parameters.set(Parameter::kEcoShedInverter, 1));
  bench.set(Mode::kEco, true);
  bench.home_w = 4000.0F;
  bench.run(8 * kSecond);
  const auto on_flash = bench.control->held();
  bench.run(2 * kSecond);
  REQUIRE(bench.is_open_because(Relay::kInverter, Reason::kEcoShed));
  crash(bench, on_flash);
  bench.home_w = 2900.0F;
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kEcoShed));
  CHECK(bench.board.movements == 0);
}

TEST_CASE("R4: a relay that a mode moved after a factory reset stays there at the next start") {
  Bench bench;
  bench.control->set_manual(bench.now, Relay::kLoad1, false);
  bench.run(kMinute);
  bench.control->forget_held();
  bench.settings = {};
  bench.run(kMinute);
  bench.set(Mode::kSelfConsumption, true);
  bench.set(Mode::kEco, true);
  bench.soc_pct = 60.0F;
  bench.home_w = 3500.0F;
  bench.run(3 * kSecond);
  bench.home_w = 2900.0F;
  bench.run(kMinute);
  REQUIRE(bench.control->closed() == 0b0010);
  bench.board.is_software_restart = true;
  bench.restart(bench.control->held());
  bench.soc_pct = 49.0F;
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kSelfConsumptionCharged));
  CHECK(bench.is_open_because(Relay::kLoad2, Reason::kEcoShed));
  CHECK(bench.is_closed_because(Relay::kLoad1, Reason::kManual));  // the reset's
}

TEST_CASE("R4: what the hand commanded after a factory reset counts at the next start") {
  Bench bench;
  bench.control->set_manual(bench.now, Relay::kGrid, false);
  bench.control->forget_held();
  bench.run(kMinute);
  REQUIRE(bench.control->set_manual(bench.now, Relay::kLoad1, false).result == Result::kAccepted);
  bench.board.is_software_restart = GENERATE(true, false);
  bench.restart(bench.control->held());
  CHECK(bench.control->closed() == 0b1011);
  bench.run(kMinute);
  CHECK(bench.is_open_because(Relay::kLoad1, Reason::kManual));
  CHECK(bench.control->held().manual == ManualRelays{.closed = 0b1011});
}

}  // namespace alfaspark::modes_test
