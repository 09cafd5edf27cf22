// A whole pack on the bus: commands and their answers, warnings and faults, restarts.
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::AnnounceFlag;
using frames::FaultCode;
using frames::Function;
using frames::PackWarning;
using frames::Reason;
using frames::Relay;
using frames::Result;
namespace commands = frames::commands;

}  // namespace

TEST_CASE("SET_RELAY is answered and shown by STATUS at once") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto function = GENERATE(Function::kCommand, Function::kService);
  const auto since = house.bus.now;
  house.send(commands::SetRelay{.relay = Relay::kLoad1, .closed = false}, pack->node(), function);
  house.run(20 * kMillisecond);
  const auto responses = house.received<frames::Response>(0, since);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].command == 0x11);
  CHECK(responses[0].result == Result::kAccepted);
  REQUIRE_FALSE(house.received<frames::Status>(0, since).empty());
  CHECK(last_status(house).relays == 0b1011);
  CHECK(last_status(house).reason_load1 == Reason::kManual);
  CHECK(last_status(house).reason_grid == Reason::kManual);
  CHECK_FALSE(pack.relays.positions[2]);
}

TEST_CASE("A relay is held by the start-up until the BMS has answered or is lost, then by the hand") {
  House house;
  house.add(kSerial).bms.is_silent = true;
  house.run(9 * kSecond);
  CHECK(last_status(house).reason_grid == Reason::kStartUp);
  house.run(3 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kBmsLost));
  CHECK(last_status(house).reason_grid == Reason::kManual);
}

TEST_CASE("Commands to another node, to none, or cut short are not for this pack") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto other = static_cast<std::uint8_t>(pack->node() % 126 + 1);
  const auto since = house.bus.now;
  house.send(commands::SetRelay{Relay::kGrid, false}, other);
  house.send(commands::SetRelay{Relay::kGrid, false}, 0);
  house.bus.inject({.id = pack->node(), .length = 1, .data = {0x11}});
  house.bus.inject({.id = pack->node(), .extended = true, .length = 4, .data = {0x11, 1, 0, 0}});
  house.bus.inject({.id = pack->node(), .length = 9, .data = {0x11, 1, 0, 0}});
  house.run(kSecond);
  CHECK(house.received<frames::Response>(0, since).empty());
  CHECK(pack.relays.positions[0]);
}

TEST_CASE("A command to all is acted on and answered by every pack") {
  House house;
  for (std::uint64_t i = 0; i < 3; ++i) house.add(kSerial + 4 * i);
  house.run(15 * kSecond);
  const auto since = house.bus.now;
  house.send(commands::SetRelay{Relay::kGrid, false}, kAllNodes);
  house.run(20 * kMillisecond);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(house.received<frames::Response>(i, since).size() == 1);
    CHECK(last_status(house, i).relays == 0b1110);
  }
}

TEST_CASE("WHO is answered with CLAIM and ANNOUNCE, by every node within 128 ms") {
  House house;
  for (std::uint64_t i = 0; i < 3; ++i) house.add(kSerial + 4 * i);
  house.run(15 * kSecond);
  const auto since = house.bus.now;
  house.send(commands::Who{}, kAllNodes);
  house.run(140 * kMillisecond);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(house.received<frames::Announce>(i, since).size() == 1);
    CHECK(house.received<frames::Response>(i, since).empty());
    const auto claims = std::count_if(house.bus.log.begin(), house.bus.log.end(), [&](const Sent& sent) {
      return sent.by == i && sent.at >= since && sent.frame.extended;
    });
    CHECK(claims == 1);
  }
}

TEST_CASE("SET_TIME makes the clock valid and the host seen, in the flags of ANNOUNCE") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto flags = [&] { return house.received<frames::Announce>(0).back().flags; };
  CHECK((flags() & bit(AnnounceFlag::kClockValid)) == 0);
  CHECK((flags() & bit(AnnounceFlag::kHostSeen)) == 0);
  CHECK((flags() & bit(AnnounceFlag::kBmsOnline)) != 0);
  CHECK((flags() & bit(AnnounceFlag::kIsMaster)) != 0);
  house.send(commands::SetTime{1'800'000'000, 60}, kAllNodes);
  pack.bms.is_silent = true;
  house.run(25 * kSecond);
  CHECK((flags() & bit(AnnounceFlag::kClockValid)) != 0);
  CHECK((flags() & bit(AnnounceFlag::kHostSeen)) != 0);
  CHECK((flags() & bit(AnnounceFlag::kBmsOnline)) == 0);
}

TEST_CASE("Clock unknown and host lost are warned of 150 s after the start, and cleared by SET_TIME") {
  House house;
  house.add(kSerial);
  house.run(149 * kSecond);
  CHECK(last_status(house).warnings == 0);
  house.run(2 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kClockUnknown));
  CHECK(warns(last_status(house), PackWarning::kHostLost));
  house.send(commands::SetTime{1'800'000'000, 60}, kAllNodes);
  house.run(100 * kMillisecond);
  CHECK(last_status(house).warnings == 0);
  house.run(151 * kSecond);
  CHECK(last_status(house).warnings == bit(PackWarning::kHostLost));
}

TEST_CASE("A BMS that falls silent, or never speaks, is a warning and a fault after 10 s") {
  House house;
  auto& pack = house.add(kSerial);
  pack.bms.is_silent = GENERATE(true, false);
  if (!pack.bms.is_silent) {
    house.run(20 * kSecond);
    CHECK(house.received<frames::Fault>(0).empty());
    pack.bms.is_silent = true;
  }
  const auto since = house.bus.now;
  house.run(7 * kSecond);
  CHECK_FALSE(warns(last_status(house), PackWarning::kBmsLost));
  house.run(6 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kBmsLost));
  const auto faults = house.received<frames::Fault>(0, since);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].code == FaultCode::kBmsLost);
  CHECK(faults[0].active);
  pack.bms.is_silent = false;
  house.run(30 * kSecond);  // the poller backs off
  CHECK_FALSE(warns(last_status(house), PackWarning::kBmsLost));
  CHECK_FALSE(house.received<frames::Fault>(0, since).back().active);
}

TEST_CASE("Current through an open relay is a sensor fault, with its channel") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetRelay{Relay::kLoad2, false}, pack->node());
  pack.currents_a[3] = 5.0;
  house.run(5 * kSecond);
  const auto faults = house.received<frames::Fault>(0);
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].code == FaultCode::kOpenRelayCurrent);
  CHECK(faults[0].argument == 3);
  CHECK(warns(last_status(house), PackWarning::kSensorFault));
  CHECK(pack.lights.shown.red);
  CHECK(pack.lights.shown.yellow);
  pack.currents_a[3] = 0.0;
  house.run(5 * kSecond);
  CHECK_FALSE(house.received<frames::Fault>(0).back().active);
  CHECK_FALSE(warns(last_status(house), PackWarning::kSensorFault));
}

TEST_CASE("The number is stored once it was held for 10 s, and used at the next start") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(10 * kSecond);
  CHECK(pack.flash.writes == 0);
  house.run(5 * kSecond);
  CHECK(pack.flash.writes == 1);
  const auto node = pack->node();
  const auto boot_id = pack->boot_id();
  house.cut_power(0);
  house.run(20 * kSecond);
  CHECK(pack->node() == node);
  CHECK(pack->boot_id() != boot_id);
  CHECK(pack.flash.writes == 1);
}

TEST_CASE("Relays keep their positions over a software restart, and come back to them after a power cut") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetRelay{Relay::kLoad1, false}, pack->node());
  house.run(100 * kMillisecond);
  const auto movements = pack.relays.movements;
  house.restart_software(0);  // before the command was on flash
  house.run(5 * kSecond);
  CHECK(pack.relays.movements == movements);
  CHECK(last_status(house).relays == 0b1011);
  house.cut_power(0);
  house.run(5 * kSecond);
  CHECK(last_status(house).relays == 0b1011);
  CHECK(last_status(house).reason_load1 == Reason::kManual);
}

TEST_CASE("Damaged settings fall back alone and are warned of until a setting is accepted") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetRelay{Relay::kGrid, false}, pack->node());
  house.run(5 * kSecond);
  const auto node = pack->node();
  REQUIRE(pack.flash.records.count(2) == 1);
  pack.flash.records[2][1] ^= 1U;
  house.cut_power(0);
  const auto since = house.bus.now;
  house.run(5 * kSecond);
  CHECK(pack->node() == node);
  CHECK(last_status(house).relays == 0b1111);
  CHECK(warns(last_status(house), PackWarning::kSettingsReset));
  CHECK(house.received<frames::Fault>(0, since).at(0).code == FaultCode::kSettingsReset);
  house.send(commands::SetRelay{Relay::kGrid, true}, node);
  house.run(5 * kSecond);
  CHECK_FALSE(warns(last_status(house), PackWarning::kSettingsReset));
}

TEST_CASE("A flash that takes nothing is a warning and a fault; the pack goes on") {
  House house;
  auto& pack = house.add(kSerial);
  pack.flash.is_broken = true;
  house.run(15 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kStorageFailed));
  CHECK(house.received<frames::Fault>(0).at(0).code == FaultCode::kStorageFailed);
  house.send(commands::SetRelay{Relay::kGrid, false}, pack->node());
  house.run(kSecond);
  CHECK(last_status(house).relays == 0b1110);
}

TEST_CASE("The button held for 10 s resets what is stored but the number; positions are held until the restart") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetRelay{Relay::kGrid, false}, pack->node());
  house.run(5 * kSecond);
  const auto node = pack->node();
  pack->on_button(house.bus.now, true);
  std::vector<Rgb> bars;
  for (int i = 0; i < 130; ++i) {
    house.run(kSecond / 10);
    bars.push_back(pack.lights.shown.bar[9]);
  }
  pack->on_button(house.bus.now, false);
  CHECK(last_status(house).relays == 0b1110);
  CHECK(std::count(bars.begin(), bars.end(), Rgb{255, 255, 255}) > 2);  // it says when it was long enough
  const bool by_software = GENERATE(true, false);
  by_software ? house.restart_software(0) : house.cut_power(0);
  house.run(5 * kSecond);
  CHECK(pack->node() == node);
  CHECK(last_status(house).relays == 0b1111);
}

TEST_CASE("Bus-off and back: claimed again, and told as a fault that came and went") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto node = pack->node();
  house.bus.go_bus_off(0);
  CHECK(pack->node() == 0);
  house.run(3 * kSecond);
  CHECK(pack->node() == node);
  const auto faults = house.received<frames::Fault>(0);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].code == FaultCode::kBusOff);
  CHECK(faults[0].active);
  CHECK_FALSE(faults[1].active);
}

TEST_CASE("A base frame under the own number is a conflict: warned of for 60 s, and told as a fault") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.bus.inject({.id = 0x180U + pack->node(), .length = 8});
  house.run(5 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kNodeNumberConflict));
  REQUIRE(house.received<frames::Fault>(0).size() == 1);
  CHECK(house.received<frames::Fault>(0)[0].code == FaultCode::kNodeNumberConflict);
  house.run(60 * kSecond);
  CHECK_FALSE(warns(last_status(house), PackWarning::kNodeNumberConflict));
  CHECK_FALSE(house.received<frames::Fault>(0).back().active);
}

TEST_CASE("No number free is told as a fault as soon as there is one") {
  House house;
  auto& pack = house.add(kSerial);
  for (int number = 1; number <= kNodes; ++number) {
    const auto others = frames::Claim{.serial_high = 0,
                                      .node = static_cast<std::uint8_t>(number),
                                      .device_type = frames::DeviceType::kEnergyPack,
                                      .held = true};
    house.run(kMillisecond);
    house.bus.inject({.id = frames::kClaimId | static_cast<std::uint32_t>(number),
                      .extended = true,
                      .length = 8,
                      .data = others.encode()});
  }
  house.run(100 * kSecond);
  REQUIRE(pack->node() == 0);
  house.run(30 * kSecond);
  REQUIRE(pack->node() != 0);
  const auto faults = house.received<frames::Fault>(0);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].code == FaultCode::kNoNodeNumberFree);
  CHECK(faults[0].active);
  CHECK_FALSE(faults[1].active);
}

TEST_CASE("A clipped current input is a sensor fault, with its channel") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  pack.currents_a[1] = 50.0;  // the ADC reaches 36 A
  house.run(3 * kSecond);
  REQUIRE(house.received<frames::Fault>(0).size() == 1);
  CHECK(house.received<frames::Fault>(0)[0].code == FaultCode::kSensorClipped);
  CHECK(house.received<frames::Fault>(0)[0].argument == 1);
  CHECK(warns(last_status(house), PackWarning::kSensorFault));
}

TEST_CASE("A grid sense input that shows no mains is a fault") {
  House house;
  auto& pack = house.add(kSerial);
  pack.grid_period = 8 * kMillisecond;  // 125 Hz
  house.run(20 * kSecond);
  REQUIRE_FALSE(house.received<frames::Fault>(0).empty());
  CHECK(house.received<frames::Fault>(0)[0].code == FaultCode::kGridSenseImplausible);
  CHECK(warns(last_status(house), PackWarning::kSensorFault));
}

TEST_CASE("Without a number a pack takes the time, and obeys nothing that it could not answer") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(100 * kMillisecond);
  REQUIRE(pack->node() == 0);
  house.send(commands::SetRelay{Relay::kGrid, false}, kAllNodes);
  house.send(commands::SetTime{1'800'000'000, 60}, kAllNodes);
  house.run(5 * kSecond);
  CHECK(last_status(house).relays == 0b1111);
  CHECK(house.received<frames::Response>(0).empty());
  CHECK((house.received<frames::Announce>(0)[0].flags & bit(AnnounceFlag::kClockValid)) != 0);
}

TEST_CASE("Random frames neither stop a pack nor change a reading") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  bus_test::Dice dice(7);
  for (int i = 0; i < 20'000; ++i) {
    CanFrame frame{.id = dice.random() & 0x7FFU, .length = static_cast<std::uint8_t>(dice.random() % 9)};
    const auto function = function_of(frame.id);
    if (function == Function::kCommand || function == Function::kService) continue;  // those are obeyed
    if (dice.random() % 4 == 0) {
      frame.extended = true;
      frame.id = frames::kClaimId | (dice.random() & 0x1FFFFFFFU);
    }
    for (auto& byte : frame.data) byte = static_cast<std::uint8_t>(dice.random());
    pack->on_can_frame(house.bus.now, frame);
    if (i % 20 == 0) house.run(5 * kMillisecond);
  }
  CHECK(pack->readings().battery.soc_pct == Approx(50).margin(0.5));
  CHECK(pack.relays.movements == 4);
  house.run(300 * kSecond);  // the numbers that seemed taken become free
  CHECK(pack->node() != 0);
  CHECK(*house.received<frames::Battery>(0).back().voltage_v == Approx(54.4));
}

TEST_CASE("Every command byte string is survived and answered at most once") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  bus_test::Dice dice(8);
  std::size_t sent = 0;
  for (int i = 0; i < 3'000; ++i) {
    CanFrame frame{.id = dice.random() % 2 == 0 ? pack->node() : kAllNodes,
                   .length = static_cast<std::uint8_t>(dice.random() % 9)};
    for (auto& byte : frame.data) byte = static_cast<std::uint8_t>(dice.random() % 64);
    if (frame.length >= 2) ++sent;
    house.bus.inject(frame);
    house.run(5 * kMillisecond);
  }
  CHECK(house.received<frames::Response>(0).size() <= sent);
  CHECK(house.received<frames::Response>(0).size() > 1'000);
  CHECK(pack->node() != 0);
}

}  // namespace alfaspark::pack_test
