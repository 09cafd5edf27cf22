// R4 and protocol: restarts and their causes, factory reset, the boot button, and what a host that comes later is told.
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::FaultCode;
using frames::Mode;
using frames::PackWarning;
using frames::Reason;
using frames::Relay;
using frames::Result;
namespace commands = frames::commands;

constexpr auto kEcoLimit = static_cast<std::uint8_t>(Parameter::kEcoLimit);
constexpr auto kCtGainLoad1 = static_cast<std::uint8_t>(Parameter::kCtGainLoad1);

template <typename Command>
frames::Response ask(House& house, PackStation& pack, const Command& command) {
  const auto since = house.bus.now;
  house.send(command, pack->node());
  house.run(20 * kMillisecond);
  const auto responses = house.received<frames::Response>(0, since);
  REQUIRE(responses.size() == 1);
  return responses[0];
}

std::int32_t parameter(House& house, PackStation& pack, std::uint8_t index) {
  return static_cast<std::int32_t>(ask(house, pack, commands::GetParameter{index}).value);
}

void hold_button(House& house, PackStation& pack, Micros duration) {
  pack->on_button(pack.uptime(house.bus.now), true);
  house.run(duration);
  pack->on_button(pack.uptime(house.bus.now), false);
}

}  // namespace

TEST_CASE("RESTART is answered, stores what is not stored yet, restarts once and moves no relay") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  REQUIRE(ask(house, pack, commands::SetRelay{Relay::kLoad1, false}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetParameter{kEcoLimit, 1234}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetMode{Mode::kBackup, true}).result == Result::kAccepted);
  REQUIRE(pack.flash.writes == 1);  // the number: the others would follow in 2 s
  const auto movements = pack.relays.movements;

  const CanFrame restart{.id = pack->node(), .length = 2, .data = {0x23, 200}};
  const auto asked_at = house.bus.now;
  house.bus.inject(restart);
  while (pack.chip.restarts == 0 && house.bus.now < asked_at + kSecond) {
    house.run(5 * kMillisecond);
    if (house.bus.now == asked_at + 20 * kMillisecond) house.bus.inject(restart);  // the host repeats it
  }
  CHECK(house.bus.now - asked_at <= 100 * kMillisecond);
  const auto responses = house.received<frames::Response>(0, asked_at);
  REQUIRE(responses.size() == 2);
  CHECK(responses[0].result == Result::kAccepted);
  CHECK(responses[1].result == Result::kAccepted);
  CHECK(house.times_of<frames::Response>(0, asked_at).back() < house.bus.now);
  const auto writes = pack.flash.writes;
  CHECK(writes > 1);
  house.run(kSecond);
  CHECK(pack.chip.restarts == 1);

  const auto boot_id = pack->boot_id();
  house.restart_software(0);
  house.run(5 * kSecond);
  CHECK(pack->boot_id() != boot_id);
  CHECK(pack.relays.movements == movements);
  CHECK(last_status(house).relays == 0b1011);
  CHECK(last_status(house).modes == bit(Mode::kBackup));
  CHECK(parameter(house, pack, kEcoLimit) == 1234);
  house.run(20 * kSecond);
  CHECK(pack.flash.writes == writes);  // all of it was on flash before
  CHECK(pack.chip.restarts == 1);
}

TEST_CASE("RESTART is not for all, and a flash that takes nothing does not keep a pack from it") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto since = house.bus.now;
  house.send(commands::Restart{}, kAllNodes);
  house.run(kSecond);
  CHECK(house.received<frames::Response>(0, since).at(0).result == Result::kNotAllowedToAll);
  CHECK(pack.chip.restarts == 0);
  pack.flash.is_broken = true;
  ask(house, pack, commands::SetParameter{kEcoLimit, 1234});
  ask(house, pack, commands::Restart{});
  house.run(100 * kMillisecond);
  CHECK(pack.chip.restarts == 1);
}

TEST_CASE("A restart that nobody asked for is a fault with its task from the start, for 10 minutes") {
  const auto [cause, task, code] =
      GENERATE(table<RestartCause, std::uint8_t, FaultCode>({{RestartCause::kWatchdog, 3, FaultCode::kWatchdogRestart},
                                                             {RestartCause::kWatchdog, 0, FaultCode::kWatchdogRestart},
                                                             {RestartCause::kBrownOut, 0, FaultCode::kBrownOut}}));
  House house;
  auto& pack = house.add(kSerial);
  pack.chip.last = {.cause = cause, .task = task};
  house.run(15 * kSecond);
  auto faults = house.received<frames::Fault>(0);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].code == code);
  CHECK(faults[0].active);
  CHECK(faults[0].argument == task);
  CHECK(pack.lights.shown.red);
  house.run(583 * kSecond);
  CHECK(house.received<frames::Fault>(0).size() == 1);
  house.run(4 * kSecond);
  faults = house.received<frames::Fault>(0);
  REQUIRE(faults.size() == 2);
  CHECK_FALSE(faults[1].active);
  CHECK_FALSE(pack.lights.shown.red);
}

TEST_CASE("A restart that was asked for, or by the supply, is no fault") {
  House house;
  house.add(kSerial).chip.last.cause = GENERATE(RestartCause::kPowerOn, RestartCause::kSoftware);
  house.run(15 * kSecond);
  CHECK(house.received<frames::Fault>(0).empty());
}

TEST_CASE("WHO: a host that comes later is told every active fault, after the CLAIM without which it would drop it") {
  House house;
  auto& pack = house.add(kSerial);
  pack.chip.last.cause = RestartCause::kBrownOut;
  house.run(15 * kSecond);
  pack.bms.is_silent = true;
  house.run(15 * kSecond);
  REQUIRE(house.received<frames::Fault>(0).size() == 2);
  const auto since = house.bus.now;
  house.send(commands::Who{}, GENERATE(true, false) ? kAllNodes : pack->node());
  house.run(300 * kMillisecond);
  const auto claim = std::find_if(house.bus.log.begin(), house.bus.log.end(),
                                  [&](const Sent& sent) { return sent.at >= since && sent.frame.extended; });
  REQUIRE(claim != house.bus.log.end());
  const auto faults = house.received<frames::Fault>(0, since);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].code == FaultCode::kBmsLost);
  CHECK(faults[1].code == FaultCode::kBrownOut);
  CHECK((faults[0].active && faults[1].active));
  CHECK(house.times_of<frames::Fault>(0, since).front() > claim->at);
  house.run(10 * kSecond);
  CHECK(house.received<frames::Fault>(0, since).size() == 2);  // once
}

TEST_CASE("A fault that cleared while nobody could hear it is told as cleared once the pack is back on the bus") {
  House house;
  auto& pack = house.add(kSerial);
  pack.bms.is_silent = true;
  house.run(15 * kSecond);
  REQUIRE(house.received<frames::Fault>(0).size() == 1);
  house.bus.has_listening_adapter = false;  // unplugged: nobody acknowledges
  pack.bms.is_silent = false;
  house.run(30 * kSecond);
  REQUIRE(pack->readings().battery.online);
  house.bus.go_bus_off(0);  // and what waits to be sent is gone
  house.bus.has_listening_adapter = true;
  house.run(5 * kSecond);
  std::optional<bool> is_bms_lost;
  for (const auto& fault : house.received<frames::Fault>(0)) {
    if (fault.code == FaultCode::kBmsLost) is_bms_lost = fault.active;
  }
  CHECK(is_bms_lost == false);
}

TEST_CASE("FACTORY_RESET: settings to defaults, calibration and number stay, positions are held until the next start") {
  House house;
  auto& pack = house.add(kSerial);
  pack.currents_a[2] = 10.0;
  house.run(15 * kSecond);
  const auto node = pack->node();
  REQUIRE(ask(house, pack, commands::Calibrate{Relay::kLoad1, 8000}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetParameter{kEcoLimit, 1234}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetWindow{3, 60, 120, 0x7F}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetRelay{Relay::kLoad2, false}).result == Result::kAccepted);
  REQUIRE(ask(house, pack, commands::SetMode{Mode::kBackup, true}).result == Result::kAccepted);
  house.run(5 * kSecond);
  const auto gain = parameter(house, pack, kCtGainLoad1);
  CHECK(gain == Approx(800'000).epsilon(0.001));
  CHECK(ask(house, pack, commands::GetWindow{3}).value != 0);

  const std::array<std::uint8_t, 8> wrong_magic{0x24, 250, 0xBA, 0xA5, 0x1F, 0x0B};
  const auto since = house.bus.now;
  house.bus.inject({.id = node, .length = 6, .data = wrong_magic});
  house.run(20 * kMillisecond);
  CHECK(house.received<frames::Response>(0, since).at(0).result == Result::kOutOfRange);
  CHECK(parameter(house, pack, kEcoLimit) == 1234);

  REQUIRE(ask(house, pack, commands::FactoryReset{.magic = 0x0A1FA5BA}).result == Result::kAccepted);
  const auto check_defaults = [&] {
    CHECK(parameter(house, pack, kEcoLimit) == 3000);
    CHECK(parameter(house, pack, kCtGainLoad1) == gain);
    CHECK(ask(house, pack, commands::GetWindow{3}).value == 0);
    CHECK(last_status(house).modes == 0);
    CHECK(pack->node() == node);
    CHECK_FALSE(warns(last_status(house), PackWarning::kSettingsReset));
  };
  house.run(5 * kSecond);
  check_defaults();
  CHECK(last_status(house).relays == 0b0111);  // held
  GENERATE(true, false) ? house.restart_software(0) : house.cut_power(0);
  house.run(5 * kSecond);
  check_defaults();
  CHECK(last_status(house).relays == 0b1111);
  CHECK(last_status(house).reason_load2 == Reason::kManual);
}

TEST_CASE("R4: the button let go after 3 to 9 s turns the import limit off, on flash, and shows that it did") {
  const auto held = GENERATE(2 * kSecond, 3 * kSecond, 9 * kSecond);
  const bool is_enough = held >= 3 * kSecond;
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  ask(house, pack, commands::SetMode{Mode::kImportLimit, true});
  ask(house, pack, commands::SetMode{Mode::kEco, true});
  ask(house, pack, commands::SetParameter{kEcoLimit, 1234});
  hold_button(house, pack, held);
  house.run(40 * kMillisecond);
  const auto expected = is_enough ? bit(Mode::kEco) : bit(Mode::kEco) | bit(Mode::kImportLimit);
  CHECK(last_status(house).modes == expected);
  bool blinked = false;
  for (int i = 0; i < 50; ++i) {
    house.run(20 * kMillisecond);
    blinked = blinked || pack.lights.shown.bar[9] == Rgb{255, 255, 255};
  }
  CHECK(blinked == is_enough);
  house.run(3 * kSecond);
  house.cut_power(0);
  house.run(5 * kSecond);
  CHECK(last_status(house).modes == expected);
  CHECK(parameter(house, pack, kEcoLimit) == 1234);
}

}  // namespace alfaspark::pack_test
