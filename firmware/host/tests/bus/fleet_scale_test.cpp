// R5 at scale: from 2 devices to a full bus, with gateways, partitions, and a bus that loses, doubles and delays
// frames.
#include <algorithm>
#include <set>

#include "catch.hpp"
#include "small_bus.hpp"

namespace alfaspark::bus_test {
namespace {

using frames::DeviceType;

constexpr std::uint8_t kWanted = 42;
constexpr std::uint64_t kBatch = 0xA0B1C2000000;
constexpr std::size_t kFullBus = 126;

bool are_distinct_and_held(const NodesOnBus& house) {
  const auto numbers = house.numbers();
  const std::set<std::uint8_t> distinct(numbers.begin(), numbers.end());
  return distinct.size() == numbers.size() && distinct.count(0) == 0;
}

/// Serials step by four, as those of one batch of chips do.
void fill(NodesOnBus& house, std::size_t count, std::optional<std::uint8_t> stored) {
  for (std::size_t i = 0; i < count; ++i) house.add(kBatch + 4 * i, stored);
}

std::size_t masters(NodesOnBus& house) {
  return static_cast<std::size_t>(
      std::count_if(house.nodes.begin(), house.nodes.end(), [](auto& node) { return (*node)->is_master(); }));
}

std::uint8_t highest(const NodesOnBus& house) {
  const auto numbers = house.numbers();
  return *std::max_element(numbers.begin(), numbers.end());
}

}  // namespace

TEST_CASE("R5: 2 to 126 packs powered together have distinct numbers within 2 s and one master within 12 s") {
  const auto count = GENERATE(values<std::size_t>({2, 3, 16, 64, kFullBus}));
  const bool all_want_one = GENERATE(true, false);
  NodesOnBus house;
  fill(house, count, all_want_one ? std::optional(kWanted) : std::nullopt);
  house.bus.run(2 * kSecond);
  INFO(count << " packs");
  CHECK(are_distinct_and_held(house));
  CHECK(masters(house) == 0);  // nobody acts before it can know
  house.bus.run(10 * kSecond);
  CHECK(masters(house) == 1);
  for (auto& node : house.nodes) CHECK((*node)->is_master() == ((*node)->node() == highest(house)));
}

TEST_CASE("R5: a 127th device finds no number, says so, and disturbs nobody") {
  NodesOnBus house;
  fill(house, kFullBus, std::nullopt);
  house.bus.run(15 * kSecond);
  const auto before = house.numbers();
  auto& late = house.add(1, kWanted, house.bus.now);  // the lowest serial of all
  house.bus.run(10 * kSecond);
  CHECK(late->node() == 0);
  CHECK(late->claim().is_none_free());
  auto after = house.numbers();
  after.pop_back();
  CHECK(after == before);
}

TEST_CASE("R5: the master is silent for 120 s, then the next one follows") {
  NodesOnBus house;
  fill(house, 16, std::nullopt);
  house.bus.run(13 * kSecond);
  const auto first = highest(house);
  const auto index = static_cast<std::size_t>(
      std::find_if(house.nodes.begin(), house.nodes.end(), [&](auto& node) { return (*node)->node() == first; }) -
      house.nodes.begin());
  house.bus.cut_power(index);
  const auto is_other_master = [&] {
    return std::any_of(house.nodes.begin(), house.nodes.end(),
                       [&](auto& node) { return (*node)->node() != first && (*node)->is_master(); });
  };
  house.bus.run(109 * kSecond);  // its last word is at most 10 s old
  CHECK_FALSE(is_other_master());
  house.bus.run(13 * kSecond);
  CHECK(is_other_master());
}

TEST_CASE("R5: two running buses that are joined have distinct numbers and one master again") {
  NodesOnBus house;
  fill(house, 60, std::nullopt);
  for (std::size_t i = 30; i < 60; ++i) house.bus.connection(i).segment = 1;
  house.bus.run(15 * kSecond);
  CHECK(masters(house) == 2);  // one on each
  for (std::size_t i = 30; i < 60; ++i) house.bus.connection(i).segment = 0;
  house.bus.run(15 * kSecond);
  CHECK(are_distinct_and_held(house));
  house.bus.run(10 * kSecond);
  CHECK(masters(house) == 1);
}

TEST_CASE("R5: a bus that falls apart keeps its numbers and has a master on each part") {
  NodesOnBus house;
  fill(house, 16, std::nullopt);
  house.bus.run(15 * kSecond);
  const auto numbers = house.numbers();
  for (std::size_t i = 0; i < 8; ++i) house.bus.connection(i).segment = 1;
  house.bus.run(135 * kSecond);
  CHECK(house.numbers() == numbers);
  CHECK(masters(house) == 2);
  for (std::size_t i = 0; i < 8; ++i) house.bus.connection(i).segment = 0;
  house.bus.run(15 * kSecond);
  CHECK(house.numbers() == numbers);
  CHECK(masters(house) == 1);
}

TEST_CASE("R5: gateways are numbered like packs, and the highest of them is master") {
  NodesOnBus house;
  fill(house, 12, kWanted);
  for (std::uint64_t i = 0; i < 3; ++i) house.add(kBatch + 0x1000 + 4 * i, kWanted, 0, DeviceType::kEnergyGateway);
  house.bus.run(12 * kSecond);
  CHECK(are_distinct_and_held(house));
  CHECK(masters(house) == 1);
  const auto numbers = house.numbers();
  const auto best = *std::max_element(numbers.begin() + 12, numbers.end());
  for (auto& node : house.nodes) CHECK((*node)->is_master() == ((*node)->node() == best));
}

TEST_CASE("R5: lost, doubled and late frames delay numbers and master, and harm neither for long") {
  NodesOnBus house;
  house.bus.loss = 0.1;
  house.bus.doubling = 0.1;
  house.bus.lateness = 0.1;
  fill(house, 24, kWanted);
  house.bus.run(60 * kSecond);
  CHECK(are_distinct_and_held(house));
  CHECK(masters(house) == 1);
  const auto numbers = house.numbers();
  house.bus.run(60 * kSecond);
  CHECK(house.numbers() == numbers);  // settled is settled
  CHECK(masters(house) == 1);
}

}  // namespace alfaspark::bus_test
