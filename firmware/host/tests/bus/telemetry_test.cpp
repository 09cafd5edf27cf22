// What is sensed becomes frames; what is unknown is sent as the marker, never as 0.
#include "alfaspark/bus/telemetry.hpp"

#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {

using frames::DeviceType;
using frames::Function;
using Payload = frames::Payload;

Readings with_current(float current_a) {
  Readings readings;
  readings.battery.current_a = current_a;
  return readings;
}

}  // namespace

TEST_CASE("Nothing sensed yet: every quantity is its marker") {
  const Readings nothing;
  CHECK(telemetry::battery(nothing).encode() == Payload{0xFF, 0xFF, 0x00, 0x80, 0, 0, 0xFF, 0});
  CHECK(telemetry::power(nothing).encode() == Payload{0, 0x80, 0, 0x80, 0, 0x80, 0, 0x80});
  CHECK(telemetry::loads(nothing).encode() == Payload{0, 0x80, 0, 0x80, 0, 0x80, 0xFF, 0xFF});
  CHECK(telemetry::currents(nothing).encode() == Payload{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
  CHECK(telemetry::pulse(nothing, 1, 0xBEEF).encode() == Payload{1, 0xEF, 0, 0, 0, 0, 0xFF, 0xFF});
}

TEST_CASE("Each reading goes to its own signal") {
  Readings readings;
  readings.battery = {.voltage_v = 52.34F, .current_a = -8.1F, .soc_pct = 55.5F, .alarms = 0x1234, .online = true};
  readings.powers = {1.0F, 2.0F, 3.0F, -4.0F, 5.0F, 6.0F, 7.0F};
  readings.currents_a = {1.01F, 2.02F, 3.03F, 4.04F};
  readings.grid_frequency_hz = 0.0F;  // absent, which is not unknown
  for (std::size_t i = 0; i < kEnergyCounters; ++i) readings.energies_wh[i] = 100.0 * static_cast<double>(i) + 0.1;
  readings.pulses[0] = {.count = 77, .interval_ms = 360.0F};

  const auto battery = frames::Battery::decode(telemetry::battery(readings).encode()).value();
  CHECK(*battery.voltage_v == Approx(52.34));
  CHECK(*battery.current_a == Approx(-8.1));
  CHECK(battery.soc_pct == 55.5F);
  CHECK(battery.alarms == 0x1234);
  CHECK(battery.state == frames::BatteryState::kDischarging);
  const auto power = telemetry::power(readings);
  CHECK(power.grid_w == 1.0F);
  CHECK(power.home_w == 2.0F);
  CHECK(power.solar_w == 3.0F);
  CHECK(power.battery_w == -4.0F);
  const auto loads = telemetry::loads(readings);
  CHECK(loads.inverter_w == 5.0F);
  CHECK(loads.load1_w == 6.0F);
  CHECK(loads.load2_w == 7.0F);
  CHECK(loads.grid_frequency_hz == 0.0F);
  const auto currents = telemetry::currents(readings);
  CHECK(currents.grid_a == 1.01F);
  CHECK(currents.inverter_a == 2.02F);
  CHECK(currents.load1_a == 3.03F);
  CHECK(currents.load2_a == 4.04F);
  const auto energy =
      telemetry::energy(readings, frames::EnergyCounter::kLoad1, {.count_id = 0xABC, .boot_id = 0xBEEF});
  CHECK(energy.counter == frames::EnergyCounter::kLoad1);
  CHECK(energy.count_id == 0xABC);
  CHECK(energy.boot_id == 0xBEEF);
  CHECK(energy.value_wh == 500.1);
  const auto pulse = telemetry::pulse(readings, 0, 0xBEEF);
  CHECK(pulse.count == 77);
  CHECK(pulse.interval_ms == 360.0F);
}

TEST_CASE("R2: an energy wraps after 2^32 counts, and is rounded before that") {
  constexpr double kWrapWh = 429'496'729.6;
  const auto [energy_wh, value_wh] = GENERATE_COPY(table<double, double>({{0.0, 0.0},
                                                                          {kWrapWh - 0.1, kWrapWh - 0.1},
                                                                          {kWrapWh - 0.06, kWrapWh - 0.1},
                                                                          {kWrapWh - 0.04, 0.0},
                                                                          {kWrapWh, 0.0},
                                                                          {kWrapWh + 1234.5, 1234.5},
                                                                          {3 * kWrapWh + 0.1, 0.1}}));
  Readings readings;
  readings.energies_wh[0] = energy_wh;
  const auto sent = telemetry::energy(readings, frames::EnergyCounter::kGrid, {});
  const auto heard = frames::Energy::decode(sent.encode());
  INFO(energy_wh);
  CHECK(heard.value().value_wh == Approx(value_wh).margin(1e-6));
}

TEST_CASE("The battery is idle below 0.5 A, and in no known state without a current") {
  using frames::BatteryState;
  CHECK(telemetry::battery(with_current(0.49F)).state == BatteryState::kIdle);
  CHECK(telemetry::battery(with_current(-0.49F)).state == BatteryState::kIdle);
  CHECK(telemetry::battery(with_current(0.5F)).state == BatteryState::kCharging);
  CHECK(telemetry::battery(with_current(-0.5F)).state == BatteryState::kDischarging);
  CHECK(telemetry::battery(Readings{}).state == BatteryState::kUnknown);
}

TEST_CASE("A pulse interval longer than the frame can say is sent as none") {
  Readings readings;
  readings.pulses[0].interval_ms = 131'068.0F;
  CHECK(telemetry::pulse(readings, 0, 0).interval_ms == 131'068.0F);
  readings.pulses[0].interval_ms = 131'070.0F;
  CHECK_FALSE(telemetry::pulse(readings, 0, 0).interval_ms);
}

TEST_CASE("FLEET sums the packs that are known: not gateways, not stale readings, not unknown ones as 0") {
  constexpr std::uint8_t kSelf = 20;
  const telemetry::FleetMember self{.node = kSelf, .device_type = DeviceType::kEnergyPack};
  Presence others;
  const auto fleet_at = [&](Micros now, const Readings& own) { return telemetry::fleet(now, own, self, others); };

  const auto nothing = fleet_at(0, Readings{});
  CHECK(nothing.encode() == Payload{1, 0xFF, 0, 0x80, 0, 0x80, 0, 0x80});

  Readings own;
  own.battery.soc_pct = 40.0F;
  own.powers.grid_w = 100.0F;
  own.powers.battery_w = -500.0F;
  const auto announce = [&](Micros now, std::uint8_t node, DeviceType type) {
    others.on_base_frame(now, Function::kAnnounce, node, frames::Announce{.device_type = type}.encode());
  };
  const auto report = [&](Micros now, std::uint8_t node, float soc_pct, const frames::Power& power) {
    others.on_base_frame(now, Function::kBattery, node, frames::Battery{.soc_pct = soc_pct}.encode());
    others.on_base_frame(now, Function::kPower, node, power.encode());
  };
  announce(0, 1, DeviceType::kEnergyPack);
  announce(0, 2, DeviceType::kEnergyGateway);
  announce(0, 3, DeviceType::kEnergyPack);  // there, but without readings
  report(kSecond, 1, 60.0F, {.grid_w = 300.0F, .solar_w = 1000.0F});
  report(kSecond, 2, 99.0F, {.grid_w = 9999.0F});
  report(kSecond, 4, 99.0F, {.grid_w = 9999.0F});  // of no known type
  const auto fleet = fleet_at(2 * kSecond, own);
  CHECK(fleet.packs == 3);
  CHECK(fleet.soc_pct == 50.0F);
  CHECK(fleet.grid_w == 400.0F);
  CHECK(fleet.solar_w == 1000.0F);
  CHECK(fleet.battery_w == -500.0F);

  const auto later = fleet_at(8 * kSecond, own);  // pack 1 fell silent
  CHECK(later.packs == 3);
  CHECK(later.soc_pct == 40.0F);
  CHECK(later.grid_w == 100.0F);
  CHECK_FALSE(later.solar_w);
  CHECK(fleet_at(130 * kSecond, own).packs == 1);
  CHECK(
      telemetry::fleet(130 * kSecond, own, {.node = kSelf, .device_type = DeviceType::kEnergyGateway}, others).packs ==
      0);
}

}  // namespace alfaspark::bus_test
