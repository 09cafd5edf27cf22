// R2: the parts of sensing together, as the pack sees them.
#include "alfaspark/sensing/sensing.hpp"

#include <cmath>

#include "alfaspark/sensing/modbus_master.hpp"
#include "bench.hpp"
#include "catch.hpp"

namespace alfaspark::sensing_test {
namespace {

using frames::EnergyCounter;
using frames::GridState;

constexpr float kAmperesPerCount = 0.02F;

Hardware coarse_hardware() {
  Hardware hardware;
  hardware.amperes_per_count.fill(kAmperesPerCount);
  return hardware;
}

/// A bench whose BMS answers every request at the next tick.
class PackBench : public Bench {
 public:
  PackBench() : Bench(coarse_hardware(), without_noise_floor(), 50.0, 4000.0) {
    currents.assign(4, Waveform(sine(), 0.0, 0.2));
    set_power(Channel::kInverter, 1100.0);
  }

  void set_power(Channel channel, double power_w) {
    currents[static_cast<std::size_t>(channel)].set_amplitude(power_w / 220.0 * std::sqrt(2.0) / kAmperesPerCount);
  }

  void live(Micros duration) {
    run(duration, [this] { answer(); });
  }

  [[nodiscard]] const Readings& readings() const { return sensing.readings(); }
  [[nodiscard]] double energy_wh(EnergyCounter counter) const {
    return sensing.readings().energies_wh[static_cast<std::size_t>(counter)];
  }

  bool bms_answers = true;
  std::uint16_t voltage = 520;  ///< 0.1 V
  std::int16_t current = 2000;  ///< 0.01 A

 private:
  void answer() {
    for (; heard_ < line.sent.size(); ++heard_) {
      if (!bms_answers) continue;
      const auto raw = static_cast<std::uint16_t>(current);
      std::vector<std::uint8_t> frame{1, 3, 4};
      for (const std::uint16_t word : {voltage, raw}) {
        frame.push_back(static_cast<std::uint8_t>(word >> 8));
        frame.push_back(static_cast<std::uint8_t>(word & 0xFF));
      }
      const std::uint16_t crc = modbus_crc(frame);
      frame.push_back(static_cast<std::uint8_t>(crc & 0xFF));
      frame.push_back(static_cast<std::uint8_t>(crc >> 8));
      sensing.on_bms_bytes(now, frame);
    }
  }

  std::size_t heard_ = 0;
};

TEST_CASE("R2: before anything was measured everything is unknown, nothing is 0", "[sensing]") {
  PackBench bench;
  bench.samples = false;
  bench.sense_pulses = false;
  bench.bms_answers = false;
  bench.live(500 * kMillisecond);
  const Readings& readings = bench.readings();
  for (const auto& current_a : readings.currents_a) CHECK_FALSE(current_a);
  CHECK_FALSE(readings.battery.online);
  CHECK_FALSE(readings.battery.voltage_v);
  CHECK_FALSE(readings.battery.current_a);
  CHECK_FALSE(readings.battery.soc_pct);
  CHECK_FALSE(readings.powers.grid_w);
  CHECK_FALSE(readings.powers.home_w);
  CHECK_FALSE(readings.powers.solar_w);
  CHECK_FALSE(readings.powers.battery_w);
  CHECK(readings.grid == GridState::kUnknown);
  CHECK_FALSE(readings.grid_frequency_hz);
  CHECK_FALSE(readings.pulses[0].interval_ms);
}

TEST_CASE("R2: battery, SOC, powers, solar and grid come together in the snapshot", "[sensing]") {
  PackBench bench;
  bench.set_power(Channel::kGrid, 660.0);
  bench.set_power(Channel::kLoad1, 440.0);
  bench.live(4'100 * kMillisecond);
  const Readings& readings = bench.readings();
  CHECK(readings.battery.online);
  CHECK(*readings.battery.voltage_v == Approx(52.0));
  CHECK(*readings.battery.current_a == Approx(20.0));
  CHECK(*readings.battery.soc_pct == Approx(35.0));
  CHECK(*readings.powers.battery_w == Approx(1040.0));
  CHECK(*readings.powers.grid_w == Approx(660.0).epsilon(0.002));
  CHECK(*readings.powers.home_w == Approx(1540.0).epsilon(0.002));
  CHECK(*readings.powers.solar_w == Approx(1920.0).epsilon(0.002));
  CHECK(readings.grid == GridState::kPresent);
  CHECK(*readings.grid_frequency_hz == Approx(50.0).margin(0.005));

  SECTION("the nominal voltage and the topology are parameters") {
    REQUIRE(bench.parameters.set(Parameter::kNominalVoltage, 1100));
    REQUIRE(bench.parameters.set(Parameter::kLoadsTopology, 1));
    bench.live(2 * kSecond);
    CHECK(*readings.powers.home_w == Approx(550.0).epsilon(0.002));
    CHECK(*readings.powers.solar_w == Approx(550.0 + 1040.0 - 330.0).epsilon(0.002));
  }
  SECTION("so are the ends of the SOC") {
    REQUIRE(bench.parameters.set(Parameter::kSocEmpty, 51'000));
    REQUIRE(bench.parameters.set(Parameter::kSocFull, 55'000));
    bench.live(kTick);
    CHECK(*readings.battery.soc_pct == Approx(25.0));
  }
  SECTION("a SOC from a BMS that has none comes from the voltage") {
    REQUIRE(bench.parameters.set(Parameter::kSocSource, 1));
    bench.live(2 * kSecond);
    CHECK(*readings.battery.soc_pct == Approx(35.0));
  }
}

TEST_CASE("R2: solar is inferred at each BMS measurement: a load that comes is no sun", "[sensing]") {
  PackBench bench;
  bench.current = 0;
  bench.live(4'300 * kMillisecond);  // the BMS is asked at 0, 2 and 4 s
  CHECK(*bench.readings().powers.solar_w == Approx(1100.0).epsilon(0.002));
  bench.set_power(Channel::kInverter, 3300.0);
  bench.current = -4231;  // 2200 W from the battery, which the BMS will say at 6 s
  bench.live(1'600 * kMillisecond);
  CHECK(*bench.readings().powers.home_w == Approx(3300.0).epsilon(0.002));
  CHECK(*bench.readings().powers.solar_w == Approx(1100.0).epsilon(0.002));
  bench.live(500 * kMillisecond);
  CHECK(*bench.readings().powers.solar_w == Approx(1100.0).epsilon(0.002));
}

TEST_CASE("R2: a lost BMS is offline after 10 s, and battery and solar are unknown", "[sensing]") {
  PackBench bench;
  bench.live(4'100 * kMillisecond);
  bench.bms_answers = false;
  bench.live(9'800 * kMillisecond);
  CHECK(bench.readings().battery.online);
  CHECK(bench.readings().powers.solar_w);
  bench.live(200 * kMillisecond);
  const Readings& readings = bench.readings();
  CHECK_FALSE(readings.battery.online);
  CHECK_FALSE(readings.battery.voltage_v);
  CHECK_FALSE(readings.battery.soc_pct);
  CHECK_FALSE(readings.powers.battery_w);
  CHECK_FALSE(readings.powers.solar_w);
  CHECK(readings.powers.home_w);

  SECTION("and comes back with its next answer") {
    bench.bms_answers = true;
    bench.live(2 * kSecond);
    CHECK(readings.battery.online);
    CHECK(readings.powers.solar_w);
  }
}

TEST_CASE("R2: energies follow the powers; battery and solar pause 10 s after the last BMS reading",
          "[sensing][energy]") {
  PackBench bench;
  bench.set_power(Channel::kGrid, 220.0);
  bench.set_power(Channel::kLoad2, 2200.0);
  bench.live(4'100 * kMillisecond);
  const auto begin_wh = bench.readings().energies_wh;
  bench.live(36 * kSecond);
  const auto counted_wh = [&](EnergyCounter counter) {
    return bench.energy_wh(counter) - begin_wh[static_cast<std::size_t>(counter)];
  };
  CHECK(counted_wh(EnergyCounter::kGrid) == Approx(2.2).epsilon(0.002));
  CHECK(counted_wh(EnergyCounter::kHome) == Approx(33.0).epsilon(0.002));
  CHECK(counted_wh(EnergyCounter::kLoad2) == Approx(22.0).epsilon(0.002));
  CHECK(counted_wh(EnergyCounter::kLoad1) == Approx(0.0).margin(0.001));
  CHECK(counted_wh(EnergyCounter::kBatteryCharged) == Approx(10.4).epsilon(0.001));
  CHECK(counted_wh(EnergyCounter::kBatteryDischarged) == 0.0);
  CHECK(counted_wh(EnergyCounter::kSolar) == Approx(41.2).epsilon(0.002));

  bench.bms_answers = false;  // the last reading was at 40 s, so 10 of these 36 s count
  bench.live(36 * kSecond);
  CHECK(counted_wh(EnergyCounter::kHome) == Approx(66.0).epsilon(0.002));
  CHECK(counted_wh(EnergyCounter::kBatteryCharged) == Approx(10.4 + 2.86).epsilon(0.001));
  CHECK(counted_wh(EnergyCounter::kSolar) == Approx(41.2 + 11.33).epsilon(0.002));
}

TEST_CASE("R2: time in which the controller stood still is not counted", "[sensing][energy]") {
  PackBench bench;
  bench.live(4 * kSecond);
  const double before_wh = bench.energy_wh(EnergyCounter::kHome);
  bench.sensing.tick(bench.now + 900 * kMillisecond, kAllClosed);
  const double after_short_wh = bench.energy_wh(EnergyCounter::kHome);
  CHECK(after_short_wh - before_wh == Approx(1100.0 * 0.9 / 3600.0).epsilon(0.002));
  bench.sensing.tick(bench.now + 600 * kSecond, kAllClosed);
  CHECK(bench.energy_wh(EnergyCounter::kHome) == after_short_wh);
}

TEST_CASE("R2: current through an open relay is counted and is a fault", "[sensing]") {
  PackBench bench;
  bench.set_power(Channel::kLoad1, 440.0);
  bench.live(2 * kSecond);
  const double before_wh = bench.energy_wh(EnergyCounter::kLoad1);
  bench.relays_closed = 0x0B;  // load 1 opens, but the current goes on
  bench.live(900 * kMillisecond);
  CHECK_FALSE(bench.sensing.open_relay_current(2));
  bench.live(200 * kMillisecond);
  CHECK(bench.sensing.open_relay_current(2));
  for (const std::size_t other : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{4}})
    CHECK_FALSE(bench.sensing.open_relay_current(other));
  CHECK(bench.energy_wh(EnergyCounter::kLoad1) - before_wh == Approx(440.0 * 1.1 / 3600.0).epsilon(0.01));

  SECTION("until it stops") {
    bench.set_power(Channel::kLoad1, 0.0);
    bench.live(500 * kMillisecond);
  }
  SECTION("until the relay closes") {
    bench.relays_closed = kAllClosed;
    bench.live(kTick);
  }
  CHECK_FALSE(bench.sensing.open_relay_current(2));
}

TEST_CASE("R2: a relay that opens, and what leaks past it, is no fault", "[sensing]") {
  PackBench bench;
  bench.set_power(Channel::kLoad1, 440.0);
  bench.live(2 * kSecond);
  bench.relays_closed = 0x0B;
  bench.live(100 * kMillisecond);
  bench.set_power(Channel::kLoad1, 44.0);
  for (int i = 0; i < 600; ++i) {
    bench.live(kTick);
    REQUIRE_FALSE(bench.sensing.open_relay_current(2));
  }
}

TEST_CASE("R2: a grid that is absent but gives current is a fault of the sense input", "[sensing][grid]") {
  PackBench bench;
  bench.sense_pulses = false;
  bench.live(8 * kSecond);
  REQUIRE(bench.readings().grid == GridState::kAbsent);
  CHECK(*bench.readings().grid_frequency_hz == 0.0F);
  CHECK_FALSE(bench.sensing.grid_sense_implausible());
  bench.set_power(Channel::kGrid, 1000.0);
  bench.live(5'500 * kMillisecond);
  CHECK(bench.sensing.grid_sense_implausible());
  CHECK(bench.readings().grid == GridState::kUnknown);
  CHECK_FALSE(bench.readings().grid_frequency_hz);
  bench.set_power(Channel::kGrid, 0.0);
  bench.live(2 * kSecond);
  CHECK(bench.sensing.grid_sense_implausible());  // a wire does not mend because a load went off
  bench.sense_pulses = true;
  bench.live(1'200 * kMillisecond);
  CHECK_FALSE(bench.sensing.grid_sense_implausible());
  CHECK(bench.readings().grid == GridState::kPresent);
}

TEST_CASE("R2: S0 pulses reach the snapshot by channel", "[sensing][s0]") {
  PackBench bench;
  bench.live(kSecond);
  for (int pulse = 0; pulse < 3; ++pulse) {
    bench.sensing.on_s0_edge(bench.now, 1, true);
    bench.live(50 * kMillisecond);
    bench.sensing.on_s0_edge(bench.now, 1, false);
    bench.live(310 * kMillisecond);
  }
  bench.sensing.on_s0_edge(bench.now, 2, true);  // no such input
  CHECK(bench.readings().pulses[0].count == 0);
  CHECK(bench.readings().pulses[1].count == 3);
  CHECK(*bench.readings().pulses[1].interval_ms == Approx(360.0));
}

TEST_CASE("R2: a pack without a sense input says so", "[sensing][grid]") {
  Hardware hardware = coarse_hardware();
  hardware.grid_sense_fitted = false;
  Bench bench(hardware, Parameters(), 50.0, 4000.0);
  CHECK(bench.sensing.readings().grid == GridState::kNotFitted);
  bench.run(2 * kSecond);
  CHECK(bench.sensing.readings().grid == GridState::kNotFitted);
  CHECK_FALSE(bench.sensing.readings().grid_frequency_hz);
}

}  // namespace
}  // namespace alfaspark::sensing_test
