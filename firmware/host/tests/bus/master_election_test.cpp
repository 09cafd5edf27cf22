// Requirement R5 and protocol, "Presence and master": who is master, and when it changes.
#include "alfaspark/bus/master_election.hpp"

#include "catch.hpp"
#include "small_bus.hpp"

namespace alfaspark::bus_test {
namespace {

using frames::DeviceType;

constexpr std::uint64_t kSerial = 0xA0B1C2000000;
constexpr Micros kStarted = 11 * kSecond;

struct Bench {
  Presence presence;
  MasterElection election{DeviceType::kEnergyPack};
  Micros now = 0;

  void announce(std::uint8_t node, DeviceType type, bool says_master) {
    const auto flags = says_master ? bit(frames::AnnounceFlag::kIsMaster) : std::uint8_t{0};
    const auto payload = frames::Announce{.device_type = type, .flags = flags}.encode();
    presence.on_base_frame(now, frames::Function::kAnnounce, node, payload);
  }
  std::uint8_t master(Micros at, std::uint8_t own = 20) {
    now = at;
    election.update(now, own, presence);
    return election.master();
  }
};

std::vector<std::uint8_t> masters_announced_by(const SmallBus& bus, std::size_t station) {
  std::vector<std::uint8_t> masters;
  for (const auto& sent : bus.log) {
    if (sent.by != station || sent.frame.extended || function_of(sent.frame.id) != frames::Function::kAnnounce)
      continue;
    const auto announce = frames::Announce::decode(sent.frame.payload()).value();
    CHECK((announce.master == node_of(sent.frame.id)) ==
          ((announce.flags & bit(frames::AnnounceFlag::kIsMaster)) != 0));
    if (masters.empty() || masters.back() != announce.master) masters.push_back(announce.master);
  }
  return masters;
}

using Masters = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("One pack alone is its own master, 11 s after its start") {
  Bench bench;
  CHECK(bench.master(kStarted - 1) == 0);
  CHECK(bench.election.update(kStarted, 20, bench.presence));
  CHECK(bench.election.is_master());
  CHECK(bench.election.master() == 20);
  CHECK_FALSE(bench.election.update(kStarted + 1, 20, bench.presence));
  // Without a number it is nobody's.
  CHECK(bench.election.update(kStarted + 2, 0, bench.presence));
  CHECK_FALSE(bench.election.is_master());
  CHECK(bench.election.master() == 0);
}

TEST_CASE("The incumbent stays until the better one says so in its flags") {
  Bench bench;
  REQUIRE(bench.master(kStarted) == 20);
  bench.announce(30, DeviceType::kEnergyPack, false);
  CHECK(bench.master(kStarted + kSecond) == 20);
  bench.announce(30, DeviceType::kEnergyPack, true);
  CHECK(bench.master(kStarted + 2 * kSecond) == 30);
  CHECK_FALSE(bench.election.is_master());
}

TEST_CASE("Another incumbent is the master for me until I, the better one, may act") {
  Bench bench;
  bench.announce(10, DeviceType::kEnergyPack, true);
  CHECK(bench.master(kSecond) == 10);
  CHECK(bench.master(kStarted) == 20);
}

TEST_CASE("Of two that say so the better is master") {
  Bench bench;
  bench.announce(30, DeviceType::kEnergyPack, true);
  bench.announce(40, DeviceType::kEnergyPack, true);
  bench.announce(2, DeviceType::kEnergyPack, true);
  CHECK(bench.master(kStarted) == 40);
}

TEST_CASE("A gateway beats every pack; a node of unknown type is no candidate") {
  Bench bench;
  bench.presence.on_base_frame(0, frames::Function::kPower, 99, frames::Power{}.encode());
  CHECK(bench.master(kStarted) == 20);
  bench.announce(1, DeviceType::kEnergyGateway, true);
  CHECK(bench.master(kStarted + 1) == 1);
  bench.announce(3, DeviceType::kEnergyGateway, true);
  CHECK(bench.master(kStarted + 2) == 3);
}

TEST_CASE("A master that is gone for 120 s is followed by the next") {
  Bench bench;
  bench.announce(30, DeviceType::kEnergyPack, true);
  CHECK(bench.master(kStarted) == 30);
  CHECK(bench.master(120 * kSecond - 1) == 30);
  CHECK(bench.master(120 * kSecond) == 20);
}

TEST_CASE("On a bus every node announces the same master, at once when it changes") {
  NodesOnBus house;
  for (const int number : {5, 50, 20})
    house.add(kSerial + static_cast<std::uint64_t>(number), static_cast<std::uint8_t>(number));
  house.add(kSerial + 1, 1, 60 * kSecond, DeviceType::kEnergyGateway);
  house.bus.run(11 * kSecond + 100 * kMillisecond);
  CHECK(masters_announced_by(house.bus, 0) == Masters{0, 50});
  CHECK(masters_announced_by(house.bus, 1) == Masters{0, 50});
  CHECK(masters_announced_by(house.bus, 2) == Masters{0, 50});
  house.bus.run(60 * kSecond);
  for (std::size_t i = 0; i < 3; ++i) CHECK(masters_announced_by(house.bus, i) == Masters{0, 50, 1});
  CHECK(masters_announced_by(house.bus, 3) == Masters{0, 50, 1});

  house.bus.cut_power(3);
  house.bus.run(125 * kSecond);
  for (std::size_t i = 0; i < 3; ++i) CHECK(masters_announced_by(house.bus, i).back() == 50);
  CHECK((*house.nodes[1])->is_master());
}

TEST_CASE("ANNOUNCE comes every 10 s") {
  NodesOnBus house;
  house.add(kSerial, 5);
  house.bus.run(60 * kSecond);
  std::vector<Micros> times;
  for (const auto& sent : house.bus.log) {
    if (!sent.frame.extended && sent.at > 12 * kSecond) times.push_back(sent.at);
  }
  REQUIRE(times.size() == 4);  // after 20, 30, 40, 50 s from the first
  for (std::size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == 10 * kSecond);
}

}  // namespace alfaspark::bus_test
