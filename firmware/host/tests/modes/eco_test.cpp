// R3: eco holds the power of the house under its limit, and owns only what it shed.
#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

/// A house of 1 kW with a pump of 900 W and a heater of 2 kW, each drawing while its relay is closed.
class EcoBench : public Bench {
 public:
  EcoBench() {
    set(Mode::kEco, true);
    live(kSecond);
  }
  /// Flows follow relays.
  void live(Micros duration) {
    for (const Micros end = now + duration; now < end;) {
      inverter_w = is_closed(Relay::kInverter) ? base_w : 0.0F;
      load1_w = is_closed(Relay::kLoad1) ? pump_w : 0.0F;
      load2_w = is_closed(Relay::kLoad2) ? heater_w : 0.0F;
      home_w = *inverter_w + *load1_w + *load2_w;
      run(100 * kMillisecond, 100 * kMillisecond);
    }
  }
  float base_w = 1000.0F;
  float pump_w = 900.0F;
  float heater_w = 1000.0F;
};

}  // namespace

TEST_CASE("R3: eco sheds the heater, then the pump, one step every 4 s, and never the inverter unasked") {
  EcoBench bench;
  REQUIRE(bench.control->closed() == 0x0F);
  bench.base_w = 3500.0F;
  const auto over_since = bench.now;
  while (bench.is_closed(Relay::kLoad2)) bench.live(100 * kMillisecond);
  CHECK(bench.now - over_since <= 2 * kSecond + 100 * kMillisecond);
  CHECK(bench.reason(Relay::kLoad2) == Reason::kEcoShed);
  bench.live(3800 * kMillisecond);
  CHECK(bench.is_closed(Relay::kLoad1));
  CHECK_FALSE(bench.control->is_loads_limit());
  bench.live(300 * kMillisecond);
  CHECK(bench.is_open_because(Relay::kLoad1, Reason::kEcoShed));
  bench.live(5 * kSecond);
  CHECK(bench.control->is_loads_limit());
  CHECK(bench.is_closed(Relay::kInverter));
  bench.base_w = 2900.0F;
  bench.live(3 * kSecond);
  CHECK_FALSE(bench.control->is_loads_limit());
  REQUIRE(bench.parameters.set(Parameter::kEcoShedInverter, 1));
  bench.base_w = 3500.0F;
  bench.live(5 * kSecond);
  CHECK(bench.is_open_because(Relay::kInverter, Reason::kEcoShed));
}

TEST_CASE("R3: eco restores in reverse order, after 300 s, when the last power fits with 10 % margin") {
  EcoBench bench;
  bench.base_w = 3500.0F;
  bench.live(10 * kSecond);
  REQUIRE(bench.control->closed() == 0b0011);
  bench.base_w = 1801.0F;  // with the pump 2701 W: over 2700
  bench.live(400 * kSecond);
  CHECK(bench.control->closed() == 0b0011);
  bench.base_w = 1700.0F;
  bench.live(3 * kSecond);
  CHECK(bench.is_closed_because(Relay::kLoad1, Reason::kEcoRestored));
  CHECK_FALSE(bench.is_closed(Relay::kLoad2));  // 2600 W + 1000 W
  bench.base_w = 700.0F;
  bench.live(5 * kSecond);
  CHECK(bench.control->closed() == 0x0F);

  bench.base_w = 3500.0F;
  bench.live(3 * kSecond);
  bench.base_w = 500.0F;
  REQUIRE_FALSE(bench.is_closed(Relay::kLoad2));
  bench.live(296 * kSecond);
  CHECK_FALSE(bench.is_closed(Relay::kLoad2));
  bench.live(5 * kSecond);
  CHECK(bench.is_closed(Relay::kLoad2));
}

TEST_CASE("R3: the last known power of a load is the most of its last on-time") {
  EcoBench bench;
  bench.heater_w = 2500.0F;
  bench.base_w = 400.0F;
  bench.pump_w = 0.0F;
  bench.live(5 * kSecond);
  bench.heater_w = 50.0F;  // its thermostat is off when it is shed
  bench.base_w = 3500.0F;
  bench.live(3 * kSecond);
  REQUIRE_FALSE(bench.is_closed(Relay::kLoad2));
  bench.base_w = 400.0F;
  bench.live(400 * kSecond);
  CHECK_FALSE(bench.is_closed(Relay::kLoad2));  // it may draw 2500 W again
}

TEST_CASE("R3: eco owns only what it shed: opening by hand always works, closing is refused with the reason") {
  EcoBench bench;
  bench.base_w = 2500.0F;
  bench.live(3 * kSecond);
  REQUIRE(bench.is_open_because(Relay::kLoad2, Reason::kEcoShed));
  const auto refused = bench.control->set_manual(bench.now, Relay::kLoad2, true);
  CHECK(refused.result == Result::kRefused);
  CHECK(refused.reason == Reason::kEcoShed);
  CHECK(bench.control->set_manual(bench.now, Relay::kLoad1, false).result == Result::kAccepted);
  CHECK(bench.control->set_manual(bench.now, Relay::kLoad2, false).result == Result::kAccepted);
  bench.base_w = 100.0F;
  bench.live(400 * kSecond);
  CHECK(bench.is_open_because(Relay::kLoad1, Reason::kManual));
  CHECK(bench.is_open_because(Relay::kLoad2, Reason::kManual));  // given back to a hand that wants it open
  CHECK(bench.control->set_manual(bench.now, Relay::kLoad2, true).result == Result::kAccepted);
  CHECK(bench.is_closed_because(Relay::kLoad2, Reason::kManual));
}

TEST_CASE("R3: what the hand opened is not shed") {
  EcoBench bench;
  bench.control->set_manual(bench.now, Relay::kLoad2, false);
  bench.base_w = 3500.0F;
  bench.live(3 * kSecond);
  CHECK(bench.is_open_because(Relay::kLoad2, Reason::kManual));
  CHECK(bench.is_open_because(Relay::kLoad1, Reason::kEcoShed));
}

TEST_CASE("R3: eco turned off gives everything back") {
  EcoBench bench;
  bench.base_w = 3500.0F;
  bench.live(10 * kSecond);
  bench.set(Mode::kEco, false);
  bench.live(kSecond);
  CHECK(bench.reason(Relay::kLoad1) == Reason::kMinimumTime);
  CHECK_FALSE(bench.control->is_loads_limit());
  bench.live(kMinute);
  CHECK(bench.control->closed() == 0x0F);
}

TEST_CASE("R3: an unknown power of the house sheds nothing and gives nothing back") {
  EcoBench bench;
  bench.base_w = 3500.0F;
  bench.live(3 * kSecond);
  REQUIRE(bench.control->closed() == 0b0111);
  bench.home_w.reset();
  bench.run(400 * kSecond);
  CHECK(bench.control->closed() == 0b0111);
}

TEST_CASE("R3: eco remembers over a restart what it shed, and tries a load whose power it no longer knows") {
  EcoBench bench;
  bench.base_w = 1900.0F;
  bench.live(3 * kSecond);
  REQUIRE(bench.is_open_because(Relay::kLoad2, Reason::kEcoShed));
  const bool is_on_flash = GENERATE(true, false);
  const auto movements = bench.board.movements;
  bench.board.is_software_restart = true;
  auto held = bench.control->held();
  if (!is_on_flash) held = HeldState{};
  bench.restart(held);
  bench.live(3 * kSecond);
  CHECK(bench.is_open_because(Relay::kLoad2, Reason::kEcoShed));
  CHECK(bench.board.movements == movements);
  bench.base_w = 100.0F;
  bench.live(302 * kSecond);
  CHECK(bench.is_closed(Relay::kLoad2));
}

}  // namespace alfaspark::modes_test
