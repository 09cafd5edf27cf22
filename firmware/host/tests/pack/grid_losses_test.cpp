// A whole pack: GRID_LOSS on the bus, READ_GRID_LOSSES, restarts, a flash that fails.
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::FaultCode;
using frames::GridLoss;
using frames::PackWarning;
using frames::Result;
namespace commands = frames::commands;

constexpr std::uint32_t kEpoch = 1'800'000'000;

void tell_time(House& house) {
  house.send(commands::SetTime{kEpoch + static_cast<std::uint32_t>(house.bus.now / kSecond), 60}, kAllNodes);
}

/// A pack that holds its number, has the time and lost the grid so many times.
PackStation& settled(House& house, int losses = 0) {
  auto& pack = house.add(kSerial);
  house.run(15 * kSecond);
  tell_time(house);
  for (int made = 0; made < losses; ++made) {
    pack.has_grid = false;
    house.run(3 * kSecond);
    pack.has_grid = true;
    house.run(3 * kSecond);
  }
  return pack;
}

frames::Response ask(House& house, std::uint8_t target, std::size_t by = 0) {
  const auto since = house.bus.now;
  house.send(commands::ReadGridLosses{}, target);
  house.run(20 * kMillisecond);
  const auto responses = house.received<frames::Response>(by, since);
  REQUIRE(responses.size() == 1);
  return responses[0];
}

}  // namespace

TEST_CASE("GRID_LOSS is on the bus when a loss begins and ends, with the STATUS that shows it") {
  House house;
  auto& pack = settled(house);
  const auto since = house.bus.now;
  pack.has_grid = false;
  house.run(100 * kMillisecond);
  auto losses = house.received<GridLoss>(0, since);
  REQUIRE(losses.size() == 1);
  const auto start = kEpoch + 15;
  CHECK(losses[0].start_s == start);
  CHECK(losses[0].going_on);
  CHECK(losses[0].number == 1);
  CHECK(last_status(house).grid == frames::GridState::kAbsent);
  CHECK(house.times_of<GridLoss>(0, since)[0] >= house.times_of<frames::Status>(0, since)[0]);
  house.run(10 * kSecond - 100 * kMillisecond);
  pack.has_grid = true;
  house.run(5 * kSecond);
  losses = house.received<GridLoss>(0, since);
  REQUIRE(losses.size() == 2);
  CHECK(losses[1].start_s == start);
  CHECK(losses[1].duration_s == 10);
  CHECK_FALSE(losses[1].going_on);
}

TEST_CASE("READ_GRID_LOSSES says how many and the newest, then each; a repetition is answered and not acted on") {
  House house;
  auto& pack = settled(house, 35);
  const auto since = house.bus.now;
  const CanFrame asking{.id = pack->node(), .length = 2, .data = {0x16, 200}};
  house.bus.inject(asking);
  house.run(300 * kMillisecond);
  house.bus.inject(asking);
  house.run(1700 * kMillisecond);
  const auto responses = house.received<frames::Response>(0, since);
  REQUIRE(responses.size() == 2);
  CHECK(responses[0].result == Result::kAccepted);
  CHECK(responses[0].value == (32U | 35U << 8U));
  const auto losses = house.received<GridLoss>(0, since);
  REQUIRE(losses.size() == 32);
  const auto times = house.times_of<GridLoss>(0, since);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    CHECK(losses[i].number == 4 + i);
    CHECK(losses[i].start_s.has_value());
    if (i > 0) CHECK(times[i] - times[i - 1] >= 18 * kMillisecond);
  }
}

TEST_CASE("READ_GRID_LOSSES to all: every pack answers at once and tells in its turn; a gateway has none") {
  House house;
  auto& pack = settled(house, 3);
  auto& gateway = house.add(kSerial + 4, frames::DeviceType::kEnergyGateway);
  house.run(5 * kSecond);
  CHECK(ask(house, gateway->node(), 1).result == Result::kNotSupported);
  const auto since = house.bus.now;
  CHECK(ask(house, kAllNodes).value == (3U | 3U << 8U));
  house.run(11 * kSecond);
  const auto times = house.times_of<GridLoss>(0, since);
  REQUIRE(times.size() == 3);
  const auto turn = pack->node() % 16 * 640 * kMillisecond;
  CHECK(times[0] - since >= turn);
  CHECK(times[0] - since <= turn + 50 * kMillisecond);
}

TEST_CASE("Nothing kept is nothing told") {
  House house;
  auto& pack = settled(house);
  CHECK(ask(house, pack->node()).value == 0);
  house.run(kSecond);
  CHECK(house.received<GridLoss>(0).empty());
}

TEST_CASE("A loss from before the number is held, or while the bus is down, is told afterwards") {
  House house;
  auto& pack = house.add(kSerial);
  pack.has_grid = false;
  house.run(15 * kSecond);
  const auto losses = house.received<GridLoss>(0);
  REQUIRE_FALSE(losses.empty());
  CHECK(losses.back().going_on);
  CHECK_FALSE(losses.back().start_s);
  tell_time(house);
  house.run(100 * kMillisecond);
  CHECK(house.received<GridLoss>(0).back().start_s == kEpoch + 1);  // it looks for a second before it says absent
}

TEST_CASE("Kept losses survive a restart by command, a cut of supply and a factory reset") {
  House house;
  auto& pack = settled(house, 2);
  pack.has_grid = false;
  house.run(100 * kMillisecond);
  SECTION("by command, before the loss is on flash") {
    house.send(commands::Restart{}, pack->node());
    house.run(80 * kMillisecond);
    REQUIRE(pack.chip.restarts == 1);
    house.restart_software(0);
  }
  SECTION("of supply, once it is") {
    house.run(kSecond);
    house.cut_power(0);
  }
  SECTION("factory reset") {
    house.send(commands::FactoryReset{0x0A1FA5BA}, pack->node());
    house.run(3 * kSecond);
    house.cut_power(0);
  }
  house.run(15 * kSecond);
  tell_time(house);
  CHECK(ask(house, pack->node()).value == (3U | 3U << 8U));
  pack.has_grid = true;
  house.run(5 * kSecond);
  const auto last = house.received<GridLoss>(0).back();
  CHECK(last.number == 3);
  CHECK_FALSE(last.going_on);
  REQUIRE(last.start_s);
  CHECK(*last.start_s + last.duration_s.value_or(0) + 5 >=
        kEpoch + static_cast<std::uint32_t>(house.bus.now / kSecond));
}

TEST_CASE("A flash that does not take a loss is warned of and a fault, and the loss is told all the same") {
  House house;
  auto& pack = settled(house);
  pack.flash.is_broken = true;
  pack.has_grid = false;
  house.run(3 * kSecond);
  CHECK(warns(last_status(house), PackWarning::kStorageFailed));
  CHECK(house.received<frames::Fault>(0).back().code == FaultCode::kStorageFailed);
  CHECK(house.received<GridLoss>(0).size() == 1);
  pack.flash.is_broken = false;
  house.run(61 * kSecond);
  CHECK_FALSE(warns(last_status(house), PackWarning::kStorageFailed));
}

TEST_CASE("GRID_LOSS is no sign of presence: another's under the own number moves nobody") {
  House house;
  auto& pack = settled(house);
  const auto node = pack->node();
  const auto since = house.bus.now;
  house.bus.inject({.id = 0x780U + node, .length = 8, .data = {1, 2, 3, 4, 5, 6, 7, 8}});
  house.run(kSecond);
  CHECK(pack->node() == node);
  const auto is_claim = [&](const Sent& sent) { return sent.at >= since && sent.frame.extended; };
  CHECK(std::none_of(house.bus.log.begin(), house.bus.log.end(), is_claim));
}

}  // namespace alfaspark::pack_test
