// R3 and R4: the hand, self-consumption, minimum times, and that a restart moves nothing.
#include "alfaspark/modes/relay_control.hpp"

#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {

TEST_CASE("R3: a new pack closes every relay, and waits for the battery before it calls them the hand's") {
  Bench bench;
  CHECK(bench.control->closed() == 0x0F);
  bench.soc_pct.reset();
  bench.tick();
  CHECK(bench.reason(Relay::kGrid) == Reason::kStartUp);
  bench.bms_lost = true;
  bench.tick();
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kManual));
}

TEST_CASE("R3: a relay that the hand moves during the start is the hand's") {
  Bench bench;
  bench.soc_pct.reset();
  bench.tick();
  CHECK(bench.control->set_manual(bench.now, Relay::kLoad1, false).result == Result::kAccepted);
  bench.tick();
  CHECK(bench.is_open_because(Relay::kLoad1, Reason::kManual));
  CHECK(bench.reason(Relay::kLoad2) == Reason::kStartUp);
}

TEST_CASE("R3: self-consumption closes at 10 %, opens at 50 %, holds between") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.run(kSecond);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kSelfConsumptionLowSoc));  // between, without a decision
  const auto at = [&](float soc_pct) {
    bench.soc_pct = soc_pct;
    bench.run(2 * kMinute);
    return bench.is_closed(Relay::kGrid);
  };
  CHECK(at(49.9F));
  CHECK_FALSE(at(50.0F));
  CHECK_FALSE(at(10.1F));
  CHECK(at(10.0F));
  CHECK(at(49.9F));
  CHECK_FALSE(at(80.0F));
}

TEST_CASE("R3: self-consumption with an unknown battery closes, and stays closed until it is charged") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 60.0F;
  bench.run(kSecond);
  REQUIRE_FALSE(bench.is_closed(Relay::kGrid));
  bench.bms_lost = true;
  bench.soc_pct.reset();
  bench.run(2 * kMinute);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kBmsLost));
  bench.bms_lost = false;
  bench.soc_pct = 40.0F;
  bench.run(2 * kMinute);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kSelfConsumptionLowSoc));
  bench.soc_pct = 50.0F;
  bench.run(kSecond);
  CHECK_FALSE(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R3: self-consumption switched off forgets its decision, and the hand's position returns") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 60.0F;
  bench.run(kSecond);
  bench.set(Mode::kSelfConsumption, false);
  bench.run(2 * kMinute);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kManual));
  bench.soc_pct = 30.0F;
  bench.set(Mode::kSelfConsumption, true);
  bench.run(2 * kMinute);
  CHECK(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R3: a command to a relay that a mode owns is refused with that mode's reason") {
  Bench bench;
  bench.set(Mode::kBackup, true);
  bench.run(kSecond);
  const auto verdict = bench.control->set_manual(bench.now, Relay::kGrid, false);
  CHECK(verdict.result == Result::kRefused);
  CHECK(verdict.reason == Reason::kBackup);
  CHECK(bench.control->set_manual(bench.now, Relay::kInverter, false).result == Result::kAccepted);
  bench.set(Mode::kBackup, false);
  bench.run(kSecond);
  CHECK(bench.control->set_manual(bench.now, Relay::kGrid, false).result == Result::kAccepted);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kManual));
}

TEST_CASE("R3: 60 s between two movements by modes, with the reason minimum time; 2 s after one by hand") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 60.0F;
  bench.tick();
  REQUIRE_FALSE(bench.is_closed(Relay::kGrid));
  bench.set(Mode::kBackup, true);
  bench.run(kMinute - kSecond);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kMinimumTime));
  bench.run(kSecond);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kBackup));

  CHECK(bench.control->set_manual(bench.now, Relay::kInverter, false).result == Result::kAccepted);
  bench.now += 2 * kSecond - 1;
  const auto early = bench.control->set_manual(bench.now, Relay::kInverter, true);
  CHECK(early.result == Result::kBusy);
  CHECK(early.reason == Reason::kMinimumTime);
  bench.now += 1;
  CHECK(bench.control->set_manual(bench.now, Relay::kInverter, true).result == Result::kAccepted);
}

TEST_CASE("R3: a decision is taken with the tick that knows its cause") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.run(2 * kMinute);
  bench.soc_pct = 50.0F;
  bench.now += 5 * kMillisecond;
  bench.tick();
  CHECK_FALSE(bench.is_closed(Relay::kGrid));
}

TEST_CASE("R4: after a power cut the relays go where they were, and nothing moves before the inputs are valid") {
  Bench bench;
  bench.set(Mode::kSelfConsumption, true);
  bench.soc_pct = 60.0F;
  bench.run(kSecond);
  bench.control->set_manual(bench.now, Relay::kLoad1, false);
  const auto held = bench.control->held();
  bench.soc_pct.reset();
  bench.cut_power(held);
  CHECK(bench.control->closed() == 0b1010);
  const auto movements = bench.board.movements;
  bench.run(9 * kSecond);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kStartUp));
  bench.soc_pct = 30.0F;  // between: the decision from before holds
  bench.run(2 * kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kSelfConsumptionCharged));
  CHECK(bench.board.movements == movements);
}

TEST_CASE("R4: a software restart moves nothing, even where flash does not know the last movement yet") {
  Bench bench;
  bench.board.is_software_restart = true;
  bench.control->set_manual(bench.now, Relay::kGrid, false);
  const auto movements = bench.board.movements;
  const auto stored = GENERATE(HeldState{}, HeldState{.manual = ManualRelays{.closed = 0x0F}});
  bench.restart(stored);
  bench.run(2 * kMinute);
  CHECK(bench.is_open_because(Relay::kGrid, Reason::kManual));
  CHECK(bench.board.movements == movements);
  CHECK(bench.control->held().manual.value().closed == 0b1110);
}

TEST_CASE("R4: a factory reset holds the positions until the next start, then closes") {
  Bench bench;
  bench.control->set_manual(bench.now, Relay::kGrid, false);
  bench.control->set_manual(bench.now, Relay::kLoad2, false);
  bench.control->forget_held();
  bench.run(2 * kMinute);
  CHECK(bench.control->closed() == 0b0110);
  CHECK(bench.control->set_manual(bench.now, Relay::kLoad2, true).result == Result::kAccepted);
  const auto held = bench.control->held();
  bench.board.is_software_restart = true;
  bench.restart(held);
  CHECK(bench.control->closed() == 0x0F);
  bench.run(kSecond);
  CHECK(bench.is_closed_because(Relay::kGrid, Reason::kManual));
}

TEST_CASE("R4: junk in the stored bits reaches no relay that does not exist") {
  Bench bench;
  bench.cut_power(
      HeldState{.manual = ManualRelays{.closed = 0xF5}, .positions = RelayPositions{.closed = 0xF5, .eco_shed = 0xFF}});
  CHECK(bench.control->closed() == 0b0101);
  bench.run(2 * kMinute);
  CHECK(bench.control->held().manual.value().closed == 0b0101);
  CHECK(bench.control->closed() == 0b0101);
}

}  // namespace alfaspark::modes_test
