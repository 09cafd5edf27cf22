// The queue in front of the CAN controller: order, replacement, withdrawal, repetition, a driver that loses a frame.
#include "alfaspark/bus/tx_queue.hpp"

#include <optional>
#include <vector>

#include "alfaspark/generated/frames.hpp"
#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {

/// A controller that the test finishes by hand.
class Controller final : public CanPort, public SystemPort {
 public:
  bool transmit(const CanFrame& frame, bool single_shot) override {
    if (refuses) return false;
    CHECK_FALSE(held.has_value());  // one frame in flight
    held = frame;
    taken.push_back(frame);
    single_shots.push_back(single_shot);
    return true;
  }
  bool abort() override {
    ++aborts;
    if (!gives_back) return false;
    held.reset();
    return true;
  }
  void recover() override {}
  std::uint32_t random() override { return random_value; }
  void restart() override {}

  std::optional<CanFrame> held;
  std::vector<CanFrame> taken;
  std::vector<bool> single_shots;
  bool refuses = false;
  bool gives_back = true;
  int aborts = 0;
  std::uint32_t random_value = 0;
};

struct Bench {
  Controller controller;
  TxQueue queue{controller, controller};
  Micros now = 0;

  void post(std::uint32_t id, std::uint8_t first = 0) { queue.post(now, {.id = id, .length = 8, .data = {first}}); }
  void post_claim(std::uint8_t mark) {
    queue.post_claim(now, {.id = frames::kClaimId | 5, .extended = true, .length = 8, .data = {mark}});
  }
  bool finish(bool sent = true) {
    controller.held.reset();
    return queue.on_transmitted(now, sent);
  }
  /// Sends everything; the identifiers in order.
  std::vector<std::uint32_t> drain() {
    std::vector<std::uint32_t> ids;
    while (controller.held) {
      ids.push_back(controller.held->id);
      finish();
    }
    return ids;
  }
};

using Ids = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("The lowest identifier waits least, equal ones go in the order they came") {
  Bench bench;
  bench.post(0x781);  // in the controller at once
  bench.post(0x381, 1);
  bench.post(0x101);
  bench.post(0x381, 2);
  bench.post_claim(0);
  bench.post(0x601);  // an 11-bit identifier beats a 29-bit one that starts alike (0x18000005 >> 18 = 0x600)
  bench.post(0x600);
  CHECK(bench.drain() == Ids{0x781, 0x101, 0x381, 0x381, 0x600, 0x18000005, 0x601});
  CHECK(bench.controller.taken[2].data[0] == 1);
  CHECK(bench.controller.taken[3].data[0] == 2);
  CHECK(bench.controller.single_shots == std::vector<bool>{false, false, false, false, false, true, false});
}

TEST_CASE("A newer reading replaces one that still waits; answers and faults are all sent") {
  Bench bench;
  bench.post(0x001);
  bench.post(0x101, 1);
  bench.post(0x101, 2);
  bench.post(0x401, 1);  // ENERGY of counter 1 and of counter 2
  bench.post(0x401, 2);
  bench.post(0x401, 1);
  bench.post(0x381, 1);
  bench.post(0x381, 1);
  bench.post(0x581, 3);
  bench.post(0x581, 3);
  CHECK(bench.drain() == Ids{0x001, 0x101, 0x381, 0x381, 0x401, 0x401, 0x581, 0x581});
  CHECK(bench.controller.taken[1].data[0] == 2);
}

TEST_CASE("Another grid loss is another frame; the end of one replaces its begin that still waits") {
  Bench bench;
  const auto post = [&](std::uint8_t first, std::uint8_t number) {
    bench.queue.post(0, {.id = 0x781, .length = 8, .data = {first, 0, 0, 0, 0, 0, 0, number}});
  };
  bench.post(0x001);
  post(1, 7);
  post(2, 8);
  post(3, 7);
  CHECK(bench.drain() == Ids{0x001, 0x781, 0x781});
  CHECK(bench.controller.taken[1].data[0] == 3);
  CHECK(bench.controller.taken[2].data[0] == 2);
}

TEST_CASE("A full queue gives up what is last in arbitration") {
  Bench bench;
  bench.post(0x001);
  for (std::uint32_t i = 0; i < TxQueue::kCapacity; ++i) bench.post(0x581, static_cast<std::uint8_t>(i));
  CHECK(bench.queue.dropped() == 0);
  bench.post(0x581);
  CHECK(bench.queue.dropped() == 1);
  bench.post(0x381);  // an answer still finds room
  CHECK(bench.queue.dropped() == 2);
  const auto ids = bench.drain();
  CHECK(ids.size() == TxQueue::kCapacity + 1);
  CHECK(ids[1] == 0x381);
}

TEST_CASE("A CLAIM that met an error is repeated after 1..128 ms at random") {
  Bench bench;
  const auto [dice, wait] = GENERATE(table<std::uint32_t, Micros>(
      {{0, 1 * kMillisecond}, {127'000, 128 * kMillisecond}, {127'001, 1 * kMillisecond}}));
  bench.controller.random_value = dice;
  bench.post_claim(1);
  CHECK_FALSE(bench.finish(false));
  bench.now = wait - 1;
  bench.queue.tick(bench.now);
  CHECK(bench.controller.taken.size() == 1);
  bench.now = wait;
  bench.queue.tick(bench.now);
  CHECK(bench.controller.taken.size() == 2);
  CHECK(bench.finish(true));
}

TEST_CASE("A new CLAIM withdraws the old one, waiting or in the controller") {
  Bench bench;
  SECTION("waiting") {
    bench.post(0x001);
    bench.post_claim(1);
    bench.post_claim(2);
    CHECK(bench.drain().size() == 2);
  }
  SECTION("in the controller") {
    bench.post_claim(1);
    bench.post_claim(2);
    CHECK(bench.controller.aborts == 1);
    CHECK(bench.finish());
  }
  SECTION("already on the wire: its end says nothing about the new one") {
    bench.controller.gives_back = false;
    bench.post_claim(1);
    bench.post_claim(2);
    CHECK_FALSE(bench.finish());
    REQUIRE(bench.controller.held);
    CHECK(bench.finish());
  }
  CHECK(bench.controller.taken.back().data[0] == 2);
  CHECK_FALSE(bench.controller.held);
}

TEST_CASE("Without a number no base frame goes out any more") {
  Bench bench;
  bench.post(0x101);
  bench.post(0x181);
  bench.post_claim(1);
  bench.queue.withdraw_base_frames(bench.now);
  CHECK(bench.queue.waiting() == 0);
  CHECK(bench.drain() == Ids{0x18000005});
}

TEST_CASE("A controller that does not take a frame is asked again; order is kept") {
  Bench bench;
  bench.controller.refuses = true;
  bench.post(0x381, 1);
  bench.post(0x381, 2);
  bench.post_claim(1);
  CHECK(bench.controller.taken.empty());
  bench.queue.tick(bench.now);
  bench.controller.refuses = false;
  bench.queue.tick(bench.now);
  CHECK(bench.drain().size() == 3);
  CHECK(bench.controller.taken[0].data[0] == 1);
  CHECK(bench.controller.taken[1].data[0] == 2);
}

TEST_CASE("A frame that never ends in the controller is taken back and sent again") {
  Bench bench;
  bench.post(0x381, 1);
  bench.now = TxQueue::kStall - 1;
  bench.queue.tick(bench.now);
  CHECK(bench.controller.taken.size() == 1);
  SECTION("the controller gives it back") {
    bench.now = TxQueue::kStall;
    bench.queue.tick(bench.now);
  }
  SECTION("the controller says it is too late, and then never reports it") {
    bench.controller.gives_back = false;
    bench.now = TxQueue::kStall;
    bench.queue.tick(bench.now);
    CHECK(bench.controller.taken.size() == 1);
    bench.controller.held.reset();
    bench.now = 2 * TxQueue::kStall;
    bench.queue.tick(bench.now);
  }
  SECTION("the controller says it is too late, and then that it gave up after an error") {
    bench.controller.gives_back = false;
    bench.now = TxQueue::kStall;
    bench.queue.tick(bench.now);
    CHECK_FALSE(bench.finish(false));
  }
  CHECK(bench.controller.taken.size() == 2);
  CHECK(bench.drain() == Ids{0x381});
}

TEST_CASE("Given up after an error, a frame under a number that is no longer held is not sent again") {
  Bench bench;
  bench.controller.gives_back = false;
  bench.post(0x381, 1);
  bench.queue.withdraw_base_frames(bench.now);
  CHECK_FALSE(bench.finish(false));
  CHECK_FALSE(bench.controller.held);
  CHECK(bench.queue.waiting() == 0);
}

TEST_CASE("Taken back from a stalled controller, an old reading makes way for the newer one") {
  Bench bench;
  bench.post(0x101, 1);
  bench.post(0x101, 2);
  bench.now = TxQueue::kStall;
  bench.queue.tick(bench.now);
  CHECK(bench.drain() == Ids{0x101});
  CHECK(bench.controller.taken.back().data[0] == 2);
}

TEST_CASE("Bus-off empties the queue, and nothing is handed over until the controller is back") {
  Bench bench;
  bench.post(0x101);
  bench.post(0x181);
  bench.post_claim(1);
  bench.controller.held.reset();
  bench.queue.on_bus_off();
  bench.queue.tick(bench.now);
  CHECK(bench.controller.taken.size() == 1);
  bench.queue.on_recovered(bench.now);
  CHECK(bench.controller.taken.size() == 1);
  bench.post_claim(2);
  CHECK(bench.drain() == Ids{0x18000005});
}

}  // namespace alfaspark::bus_test
