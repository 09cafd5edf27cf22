// Protocol, "Node numbers": the rules that a bus of well-behaved devices does not bring out.
#include "alfaspark/bus/node_claim.hpp"

#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {

constexpr std::uint8_t kNumber = 42;

/// A device with serial 100 that has held number 42 for a minute.
struct Bench {
  Presence presence;
  NodeClaim claim{100};
  Micros now = 60 * kSecond;

  Bench() {
    claim.start(0, kNumber);
    claim.on_claim_sent(0);
    claim.tick(kSecond, presence);
    REQUIRE(claim.take_due_claim());
    REQUIRE(claim.is_settled(now));
  }

  void hear(std::uint64_t serial, bool held) {
    const Presence::Claimant other{.serial = serial, .node = kNumber, .held = held};
    presence.on_claim(now, other);
    claim.on_claim(now, other, presence);
  }
};

}  // namespace

TEST_CASE("The loser moves to the r-th free number, r lower serials having claimed the one it leaves") {
  Bench bench;
  bench.hear(1, false);  // newcomers, put right
  bench.hear(2, false);
  bench.hear(2, false);  // the same again
  bench.hear(101, false);
  REQUIRE(bench.claim.node() == kNumber);
  bench.hear(3, true);
  CHECK(bench.claim.node() == 0);
  CHECK(bench.claim.claimed() == 3);
}

TEST_CASE("A newcomer loses to a held number whatever the serials, and takes its place among the losers by serial") {
  Bench bench;
  bench.claim.start(bench.now, kNumber);  // a newcomer now
  bench.hear(200, true);
  CHECK(bench.claim.claimed() == 1);  // no lower serial was heard
}

TEST_CASE("Two that both held the number are in conflict, also for the one that keeps it") {
  Bench bench;
  bench.hear(101, false);
  CHECK_FALSE(bench.claim.in_conflict(bench.now));
  bench.hear(101, true);
  CHECK(bench.claim.node() == kNumber);
  CHECK(bench.claim.take_due_claim());  // answered
  CHECK(bench.claim.in_conflict(bench.now));
  CHECK_FALSE(bench.claim.in_conflict(bench.now + 60 * kSecond));
}

TEST_CASE("The own CLAIM, a CLAIM of 0 or of another number change nothing") {
  Bench bench;
  bench.claim.on_claim(bench.now, {.serial = 100, .node = kNumber, .held = true}, bench.presence);
  bench.claim.on_claim(bench.now, {.serial = 1, .node = 0, .held = true}, bench.presence);
  bench.claim.on_claim(bench.now, {.serial = 1, .node = 7, .held = true}, bench.presence);
  CHECK(bench.claim.node() == kNumber);
  CHECK_FALSE(bench.claim.take_due_claim());
}

TEST_CASE("The 250 ms count from the last move, and from the CLAIM that was really sent") {
  Presence presence;
  NodeClaim claim(100);
  claim.start(0, kNumber);
  claim.tick(10 * kSecond, presence);
  CHECK(claim.node() == 0);  // not sent yet
  claim.on_claim_sent(10 * kSecond);
  claim.on_claim_sent(10 * kSecond + 200 * kMillisecond);  // repeated as an answer: counts no anew
  claim.tick(10 * kSecond + 249 * kMillisecond, presence);
  CHECK(claim.node() == 0);
  presence.on_claim(0, {.serial = 1, .node = kNumber});
  claim.on_claim(10 * kSecond + 249 * kMillisecond, {.serial = 1, .node = kNumber}, presence);
  claim.on_claim_sent(10 * kSecond + 250 * kMillisecond);
  claim.tick(10 * kSecond + 499 * kMillisecond, presence);
  CHECK(claim.node() == 0);
  claim.tick(10 * kSecond + 500 * kMillisecond, presence);
  CHECK(claim.node() == 1);
}

TEST_CASE("Off the bus nothing is claimed or lost") {
  Bench bench;
  bench.claim.on_bus_off();
  bench.hear(1, true);
  bench.claim.on_base_frame(bench.now, kNumber, bench.presence);
  CHECK_FALSE(bench.claim.take_due_claim());
  CHECK(bench.claim.claimed() == kNumber);
  bench.claim.on_recovered(bench.now);
  CHECK(bench.claim.take_due_claim());
  CHECK(bench.claim.node() == 0);
}

}  // namespace alfaspark::bus_test
