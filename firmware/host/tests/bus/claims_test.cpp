// Protocol, "Node numbers": devices on one bus come to distinct numbers, whatever they believed before.
#include <algorithm>
#include <map>
#include <set>

#include "catch.hpp"
#include "small_bus.hpp"

namespace alfaspark::bus_test {
namespace {

constexpr std::uint8_t kWanted = 42;
constexpr std::uint64_t kBatch = 0xA0B1C2000000;

bool are_distinct_and_held(const std::vector<std::uint8_t>& numbers) {
  const std::set<std::uint8_t> distinct(numbers.begin(), numbers.end());
  return distinct.size() == numbers.size() && distinct.count(0) == 0;
}

/// The stations that sent base frames under each number.
std::map<std::uint8_t, std::set<std::size_t>> users_of_numbers(const SmallBus& bus) {
  std::map<std::uint8_t, std::set<std::size_t>> users;
  for (const auto& sent : bus.log) {
    if (!sent.frame.extended) users[node_of(sent.frame.id)].insert(sent.by);
  }
  return users;
}

std::size_t frames_by(const SmallBus& bus, std::size_t station, Micros since = 0) {
  return static_cast<std::size_t>(std::count_if(
      bus.log.begin(), bus.log.end(), [&](const Sent& sent) { return sent.by == station && sent.at >= since; }));
}

std::vector<CanFrame> claims_by(const SmallBus& bus, std::size_t station, Micros since = 0) {
  std::vector<CanFrame> claims;
  for (const auto& sent : bus.log) {
    if (sent.by == station && sent.at >= since && sent.frame.extended) claims.push_back(sent.frame);
  }
  return claims;
}

frames::Claim decoded(const CanFrame& frame) { return frames::Claim::decode(frame.payload()).value(); }

}  // namespace

TEST_CASE("2 to 16 packs that want one number settle to distinct ones, the lowest serial keeps it") {
  for (std::size_t count = 2; count <= 16; ++count) {
    NodesOnBus house;
    for (std::size_t i = 0; i < count; ++i) house.add(kBatch + 4 * (count - i), kWanted);
    house.bus.run(kSecond);
    INFO(count << " packs");
    REQUIRE(are_distinct_and_held(house.numbers()));
    CHECK(house.numbers().back() == kWanted);  // added last: the lowest serial
    for (const auto& [number, users] : users_of_numbers(house.bus)) {
      INFO("number " << int{number});
      CHECK(users.size() == 1);  // never a base frame under a number that another one holds
    }
  }
}

TEST_CASE("Packs whose identifiers order them otherwise than their serials settle too") {
  // The low half decides who sends first, the whole serial who keeps the number.
  for (std::size_t count = 2; count <= 16; ++count) {
    NodesOnBus house;
    for (std::size_t i = 0; i < count; ++i) house.add((std::uint64_t{0x100 + i} << 24) + (1000 - i), kWanted);
    house.bus.run(kSecond);
    REQUIRE(are_distinct_and_held(house.numbers()));
    CHECK(house.numbers().front() == kWanted);
  }
}

TEST_CASE("Devices of two makers with equal low halves of their serials part after random waits") {
  // One identifier and different data: every CLAIM sent together is destroyed on the wire.
  NodesOnBus house;
  for (std::uint64_t maker = 1; maker <= 4; ++maker) house.add(maker << 24 | 0x00C0DE, kWanted);
  house.bus.run(3 * kSecond);
  CHECK(are_distinct_and_held(house.numbers()));
  CHECK(house.numbers().front() == kWanted);
}

TEST_CASE("Packs that start one after the other, on a bus that loses frames, settle to distinct numbers") {
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    Dice dice(seed);
    NodesOnBus house;
    for (std::size_t i = 0; i < 16; ++i) {
      const auto serial = kBatch + dice.random() % 0x1000000;
      house.add(serial, kWanted, dice.random() % 600 * kMillisecond);
    }
    house.bus.loss = 0.1;
    house.bus.run(30 * kSecond);
    house.bus.loss = 0;
    house.bus.run(12 * kSecond);  // every node announces itself once: what is left of conflicts is heard
    INFO("seed " << seed);
    CHECK(are_distinct_and_held(house.numbers()));
  }
}

TEST_CASE("Without a stored number the serial's hash gives one, spread where low bits are not") {
  std::map<std::uint8_t, int> hits;
  for (std::uint64_t i = 0; i < 12'600; ++i) {
    const auto number = NodeClaim::hashed_number(kBatch + 4 * i);
    REQUIRE(is_node(number));
    ++hits[number];
  }
  CHECK(hits.size() == 126);
  for (const auto& [number, count] : hits) CHECK((count > 50 && count < 150));
  // All 48 bits count.
  CHECK(NodeClaim::hashed_number(1) != NodeClaim::hashed_number(1 | 1ULL << 47));

  NodesOnBus house;
  house.add(kBatch, std::nullopt);
  house.add(kBatch + 4, 0);  // no number
  house.bus.run(kSecond);
  CHECK(house.numbers()[0] == NodeClaim::hashed_number(kBatch));
  CHECK(house.numbers()[1] == NodeClaim::hashed_number(kBatch + 4));
}

TEST_CASE("A number is held 250 ms after its CLAIM, and nothing but CLAIM is sent before") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.run(250 * kMillisecond);
  CHECK(house.numbers()[0] == 0);
  REQUIRE(house.bus.log.size() == 1);
  const auto claim = house.bus.log[0].frame;
  CHECK(claim.extended);
  CHECK(claim.id == (frames::kClaimId | (kBatch & 0xFFFFFF)));
  CHECK(decoded(claim).serial_high == kBatch >> 24);
  CHECK(decoded(claim).node == kWanted);
  CHECK_FALSE(decoded(claim).held);
  CHECK(decoded(claim).fw_patch == 3);
  house.bus.run(10 * kMillisecond);
  CHECK(house.numbers()[0] == kWanted);
  REQUIRE(house.bus.log.size() == 2);
  CHECK(house.bus.log[1].frame.id == 0x080 + kWanted);  // ANNOUNCE is the first frame after boot
}

TEST_CASE("Nobody to acknowledge: the CLAIM is repeated after 1..128 ms, and no number is held") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.has_listening_adapter = false;
  house.bus.run(5 * kSecond);
  CHECK(house.numbers()[0] == 0);
  house.bus.has_listening_adapter = true;
  house.bus.run(kSecond);
  CHECK(house.numbers()[0] == kWanted);
}

TEST_CASE("A number held for 10 s beats a newcomer with a lower serial; before, the lower serial wins") {
  const auto after_s = GENERATE(9, 12);
  NodesOnBus house;
  house.add(kBatch + 100, kWanted);
  house.add(kBatch, kWanted, after_s * kSecond);
  house.bus.run((after_s + 2) * kSecond);
  REQUIRE(are_distinct_and_held(house.numbers()));
  CHECK(house.numbers()[0] == (after_s > 10 ? kWanted : 1));
  CHECK(house.numbers()[1] == (after_s > 10 ? 1 : kWanted));
  if (after_s > 10) {
    CHECK(decoded(claims_by(house.bus, 0, after_s * kSecond).front()).held);
    CHECK_FALSE((*house.nodes[0])->claim().in_conflict(house.bus.now));  // a newcomer put right is no conflict
  }
}

TEST_CASE("Two buses that are joined heal: one pack keeps the number, the other moves, and the conflict is reported") {
  NodesOnBus house;
  auto& a = house.add(kBatch, kWanted);
  auto& b = house.add(kBatch + 4, kWanted, 3 * kSecond);
  house.bus.connection(1).segment = 1;
  house.bus.run(30 * kSecond);
  REQUIRE(house.numbers() == std::vector<std::uint8_t>{kWanted, kWanted});
  house.bus.connection(1).segment = 0;
  house.bus.run(12 * kSecond);
  CHECK(are_distinct_and_held(house.numbers()));
  CHECK((house.numbers()[0] == kWanted || house.numbers()[1] == kWanted));
  CHECK((a->claim().in_conflict(house.bus.now) || b->claim().in_conflict(house.bus.now)));
  house.bus.run(61 * kSecond);
  CHECK_FALSE((a->claim().in_conflict(house.bus.now) || b->claim().in_conflict(house.bus.now)));
}

TEST_CASE("Two packs under one number that speak at the same moment go bus-off, and part when they come back") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.add(kBatch + 4, kWanted);
  house.bus.connection(1).segment = 1;
  house.bus.run(30 * kSecond);
  house.bus.connection(1).segment = 0;
  house.bus.run(12 * kSecond);  // their ANNOUNCEs are in step, with another boot id each: destroyed again and again
  CHECK(are_distinct_and_held(house.numbers()));
}

TEST_CASE("Eight packs on each of two buses, all numbers twice, are sixteen numbers after joining") {
  NodesOnBus house;
  for (std::uint64_t i = 0; i < 16; ++i) {
    house.add(kBatch + 4 * i, static_cast<std::uint8_t>(10 + i % 8));
    house.bus.connection(i).segment = i < 8 ? 0 : 1;
  }
  house.bus.run(30 * kSecond);
  for (std::size_t i = 8; i < 16; ++i) house.bus.connection(i).segment = 0;
  house.bus.run(12 * kSecond);
  CHECK(are_distinct_and_held(house.numbers()));
}

TEST_CASE("A base frame under the own number stops the base frames until the number is claimed again") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.run(12 * kSecond);
  REQUIRE((*house.nodes[0])->claim().is_settled(house.bus.now));
  const auto at = house.bus.now;
  for (int i = 0; i < 3; ++i) (*house.nodes[0])->post(at, frames::Fault{});  // one is in the controller, two wait
  house.bus.inject({.id = 0x180U + kWanted, .length = 8});
  CHECK(house.numbers()[0] == 0);
  house.bus.run(240 * kMillisecond);
  for (const auto& sent : house.bus.log) CHECK((sent.at < at || sent.frame.extended));
  house.bus.run(100 * kMillisecond);
  CHECK(house.numbers()[0] == kWanted);
  CHECK((*house.nodes[0])->claim().in_conflict(house.bus.now));
}

TEST_CASE("A device that knows no claims keeps its number: the pack moves instead of claiming for ever") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.run(12 * kSecond);
  for (int i = 0; i < 10; ++i) {
    house.bus.inject({.id = 0x100U + kWanted, .length = 8});
    house.bus.run(2 * kSecond);
  }
  CHECK(house.numbers()[0] == 1);
  CHECK((*house.nodes[0])->claim().is_settled(house.bus.now));
}

TEST_CASE("COMMAND, UPDATE requests and SERVICE carry a target's number and are no conflict") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.run(kSecond);
  for (const std::uint32_t function : {0x000U, 0x600U, 0x700U, 0x780U}) {
    house.bus.inject({.id = function + kWanted, .length = 8});
    CHECK(house.numbers()[0] == kWanted);
  }
  house.bus.inject({.id = 0x680U + kWanted, .length = 3});  // UPDATE response: a sender's number, of any length
  CHECK(house.numbers()[0] != kWanted);
}

TEST_CASE("A device of a type that comes later holds its number") {
  NodesOnBus house;
  house.add(kBatch, kWanted);
  house.bus.run(kSecond);
  // Its serial is the higher one: that the number is held is what counts.
  const auto held_by_type_9 = std::array<std::uint8_t, 8>{0xFF, 0xFF, 0xFF, kWanted, 0x80 | 9, 1, 0, 0};
  house.bus.inject({.id = frames::kClaimId | 7, .extended = true, .length = 8, .data = held_by_type_9});
  house.bus.run(kSecond);
  CHECK(house.numbers()[0] == 1);
}

TEST_CASE("Malformed CLAIMs change nothing and are counted") {
  NodesOnBus house;
  auto& pack = house.add(kBatch, kWanted);
  house.bus.run(kSecond);
  const auto before = pack->invalid_frames();
  house.bus.inject({.id = frames::kClaimId, .extended = true, .length = 7, .data = {0, 0, 0, kWanted, 0x81}});
  house.bus.inject({.id = frames::kClaimId, .extended = true, .length = 8, .data = {0, 0, 0, 127, 0x81}});
  house.bus.inject({.id = frames::kClaimId, .extended = true, .length = 12});
  house.bus.run(kSecond);
  CHECK(house.numbers()[0] == kWanted);
  CHECK(pack->invalid_frames() == before + 3);
  house.bus.inject({.id = 0x10000000, .extended = true, .length = 8});  // not ours at all
  CHECK(pack->invalid_frames() == before + 3);
}

TEST_CASE("With no number free a device claims 0 every 60 s, sends nothing else, and takes what becomes free") {
  NodesOnBus house;
  for (std::uint64_t i = 0; i < 126; ++i) house.add(kBatch + 4 * i, static_cast<std::uint8_t>(i + 1));
  constexpr Micros kLate = 12 * kSecond;
  auto& late = house.add(kBatch + 0x1000, kWanted, kLate);
  house.bus.run(kLate + 125 * kSecond);
  CHECK(late->node() == 0);
  CHECK(late->claim().is_none_free());
  const auto claims = claims_by(house.bus, 126);
  CHECK(claims.size() == frames_by(house.bus, 126));
  REQUIRE(claims.size() > 3);
  CHECK(decoded(claims.front()).node == kWanted);
  const auto zeros = std::count_if(claims.begin(), claims.end(), [](const auto& c) { return decoded(c).node == 0; });
  CHECK(zeros == 3);  // at once, after 60 s and after 120 s
  for (std::size_t i = claims.size() - 3; i < claims.size(); ++i) CHECK(decoded(claims[i]).node == 0);

  house.bus.cut_power(99);  // number 100
  house.bus.run(125 * kSecond);
  CHECK(late->node() == 100);
}

TEST_CASE("The loser withdraws a CLAIM that still waits, so that few CLAIMs settle many packs") {
  NodesOnBus house;
  for (std::uint64_t i = 0; i < 16; ++i) house.add(kBatch + 4 * i, kWanted);
  house.bus.run(kSecond);
  std::size_t claims = 0;
  for (const auto& sent : house.bus.log) claims += sent.frame.extended ? 1 : 0;
  CHECK(claims <= 32);  // 16 would do; a CLAIM on the wire cannot be withdrawn
}

TEST_CASE("Back from bus-off a device claims again before it speaks, with back-off, for ever") {
  NodesOnBus house;
  auto& pack = house.add(kBatch, kWanted);
  house.add(kBatch + 4, kWanted + 1);
  house.bus.run(12 * kSecond);
  Micros longest = 0;
  for (int i = 0; i < 12; ++i) {
    const auto off_at = house.bus.now;
    house.bus.go_bus_off(0);
    REQUIRE(pack->node() == 0);
    REQUIRE(pack->is_bus_off());
    while (house.bus.connection(0).is_off) house.bus.run(kTick);
    const auto waited = house.bus.now - off_at;
    CHECK(waited <= 10 * kSecond + 2 * kTick);
    longest = std::max(longest, waited);
    if (i == 0) CHECK(waited <= 100 * kMillisecond + 2 * kTick);
  }
  CHECK(longest >= 10 * kSecond);
  house.bus.run(kSecond);
  CHECK(pack->node() == kWanted);
  REQUIRE_FALSE(claims_by(house.bus, 0, kSecond).empty());
  CHECK_FALSE(decoded(claims_by(house.bus, 0, kSecond).back()).held);
}

TEST_CASE("WHO is answered by CLAIM and ANNOUNCE after serial mod 128 ms") {
  NodesOnBus house;
  auto& pack = house.add(kBatch + 100, kWanted);  // 0xA0B1C2000000 is a multiple of 128
  house.bus.run(2 * kSecond);
  const auto asked = house.bus.now;
  pack->answer_who(asked);
  pack->answer_who(asked + 50 * kMillisecond);  // asked twice, answered once
  house.bus.run(90 * kMillisecond);
  CHECK(frames_by(house.bus, 0, asked) == 0);
  house.bus.run(110 * kMillisecond);
  CHECK(frames_by(house.bus, 0, asked) == 2);
  CHECK(claims_by(house.bus, 0, asked).size() == 1);
}

}  // namespace alfaspark::bus_test
