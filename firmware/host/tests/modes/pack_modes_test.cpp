// R3 and R4 through the whole pack: commands that come in one moment, and what is on flash when the supply fails.
#include "catch.hpp"
#include "pack/pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::Mode;
using frames::Reason;
using frames::Relay;
using frames::Result;
namespace commands = frames::commands;

constexpr auto kGrid = static_cast<std::size_t>(Relay::kGrid);
constexpr std::uint32_t kNoon = 1'780'315'200;  // Monday 2026-06-01 12:00 UTC
constexpr std::uint16_t kDay = 20605;

std::vector<frames::Response> responses_to(House& house, Micros since) {
  house.run(20 * kMillisecond);
  return house.received<frames::Response>(0, since);
}

}  // namespace

TEST_CASE("R3: a mode owns its relay from the moment it is accepted, and lets go in that moment") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto since = house.bus.now;
  const auto movements = pack.relays.movements;
  SECTION("on: the command after it is refused") {
    house.send(commands::SetMode{Mode::kBackup, true}, pack->node());
    house.send(commands::SetRelay{Relay::kGrid, false}, pack->node());
    const auto responses = responses_to(house, since);
    REQUIRE(responses.size() == 2);
    CHECK(responses[1].result == Result::kRefused);
    CHECK(responses[1].detail == static_cast<std::uint8_t>(Reason::kBackup));
    CHECK(pack.relays.movements == movements);
  }
  SECTION("off: the command after it is obeyed") {
    house.send(commands::SetMode{Mode::kBackup, true}, pack->node());
    house.run(kSecond);
    const auto off = house.bus.now;
    house.send(commands::SetMode{Mode::kBackup, false}, pack->node());
    house.send(commands::SetRelay{Relay::kGrid, false}, pack->node());
    const auto responses = responses_to(house, off);
    REQUIRE(responses.size() == 2);
    CHECK(responses[1].result == Result::kAccepted);
    CHECK_FALSE(pack.relays.is_closed(kGrid));
  }
}

TEST_CASE("R3: today's import may follow the time at once") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  const auto since = house.bus.now;
  house.send(commands::SetTime{kNoon, 0}, kAllNodes);
  house.send(commands::RestoreImport{5.0F, kDay, pack->boot_id()}, pack->node());
  const auto responses = responses_to(house, since);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].result == Result::kAccepted);
}

TEST_CASE("R4: a limit is on flash when it is exhausted: a restart in that moment leaves the grid open") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetTime{kNoon, 0}, kAllNodes);
  house.send(commands::SetMode{Mode::kImportLimit, true}, pack->node());
  house.run(5 * kSecond);
  house.send(commands::RestoreImport{10.0F, kDay, pack->boot_id()}, pack->node());
  house.run(100 * kMillisecond);
  REQUIRE_FALSE(pack.relays.is_closed(kGrid));
  const auto movements = pack.relays.movements;
  pack.retained.bytes.fill(0);  // flash alone tells it
  house.restart_software(0);
  house.run(20 * kSecond);
  CHECK(last_status(house).reason_grid == Reason::kImportLimitExhausted);
  CHECK_FALSE(pack.relays.is_closed(kGrid));
  CHECK(pack.relays.movements == movements);
}

TEST_CASE("R4: a latch that is set and released without end does not wear the flash") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetTime{kNoon, 0}, kAllNodes);
  house.send(commands::RestoreImport{10.0F, kDay, pack->boot_id()}, pack->node());
  house.run(5 * kSecond);
  const auto writes = pack.flash.writes;
  for (int i = 0; i < 600; ++i) {
    house.send(commands::SetMode{Mode::kImportLimit, i % 2 == 0}, pack->node());
    house.run(100 * kMillisecond);
  }
  CHECK(pack.flash.writes - writes <= 24);  // 60 s: positions, modes and latch at most every 10 s, and twice at once
}

TEST_CASE("R4: after a power cut a relay that a mode had closed against the hand is closed") {
  constexpr auto kInverter = static_cast<std::size_t>(Relay::kInverter);
  House house;
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  house.send(commands::SetTime{kNoon, 0}, kAllNodes);
  house.send(commands::SetWindow{0, 0, 1440, 0x7F}, pack->node());
  house.send(commands::SetRelay{Relay::kInverter, false}, pack->node());
  house.run(100 * kMillisecond);
  REQUIRE_FALSE(pack.relays.is_closed(kInverter));
  house.send(commands::SetMode{Mode::kTimeOfUse, true}, pack->node());
  house.run(60 * kSecond);
  REQUIRE(pack.relays.is_closed(kInverter));
  house.cut_power(0);
  house.run(100 * kMillisecond);
  CHECK(pack.relays.is_closed(kInverter));
  house.run(20 * kSecond);
  CHECK(pack.relays.is_closed(kInverter));
}

}  // namespace alfaspark::pack_test
