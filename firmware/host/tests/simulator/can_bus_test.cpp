#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "simulator/bus/can_bus.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

BusFrame frame(std::uint32_t id, bool extended = false, std::uint8_t first = 0) {
  BusFrame out;
  out.can.id = id;
  out.can.extended = extended;
  out.can.length = 8;
  out.can.data[0] = first;
  return out;
}

BusFrame any_frame(Random& random) {
  BusFrame out;
  out.can.extended = random.chance(0.5);
  out.can.id = static_cast<std::uint32_t>(random.next()) & (out.can.extended ? 0x1FFFFFFFU : 0x7FFU);
  out.can.length = static_cast<std::uint8_t>(random.next() % 9);
  out.remote = random.chance(0.1);
  const bool same_bytes = random.chance(0.3);
  const auto byte = static_cast<std::uint8_t>(random.chance(0.5) ? 0x00 : 0xFF);
  for (auto& data : out.can.data) data = same_bytes ? byte : static_cast<std::uint8_t>(random.next());
  return out;
}

std::string bits_of(std::uint32_t value, int count) {
  std::string bits;
  for (int i = count - 1; i >= 0; --i) bits.push_back((value >> static_cast<unsigned>(i) & 1U) != 0 ? '1' : '0');
  return bits;
}

/// The frame as text, by the book: the simulator's arithmetic has to agree with it.
std::string wire_text(const BusFrame& in) {
  std::string bits = "0";
  if (in.can.extended) {
    bits += bits_of(in.can.id >> 18U, 11) + "11" + bits_of(in.can.id & 0x3FFFFU, 18) + (in.remote ? "1" : "0") + "00";
  } else {
    bits += bits_of(in.can.id, 11) + (in.remote ? "1" : "0") + "00";
  }
  bits += bits_of(in.can.length, 4);
  if (!in.remote) {
    for (const auto byte : in.can.payload()) bits += bits_of(byte, 8);
  }
  std::string remainder = bits + std::string(15, '0');
  const std::string polynomial = "1100010110011001";  // x^15 + x^14 + x^10 + x^8 + x^7 + x^4 + x^3 + 1
  for (std::size_t i = 0; i + 15 < remainder.size(); ++i) {
    if (remainder[i] == '0') continue;
    for (std::size_t k = 0; k < polynomial.size(); ++k)
      remainder[i + k] = remainder[i + k] == polynomial[k] ? '0' : '1';
  }
  bits += remainder.substr(remainder.size() - 15);
  std::string stuffed;
  for (const char bit : bits) {
    stuffed.push_back(bit);
    const std::size_t size = stuffed.size();
    if (size >= 5 && stuffed.substr(size - 5) == std::string(5, bit)) stuffed.push_back(bit == '0' ? '1' : '0');
  }
  return stuffed + "1" + "01" + "1111111" + "111";
}

class Peer final : public Station {
 public:
  explicit Peer(CanBus& bus, std::size_t segment = 0) : bus_(bus) { bus.attach(*this, segment); }
  ~Peer() override { bus_.detach(*this); }

  bool send(const BusFrame& out, bool single_shot = false) { return bus_.offer(*this, out, single_shot); }

  std::vector<std::uint32_t> heard;
  std::vector<bool> reports;
  int bus_offs = 0;
  int recoveries = 0;

 private:
  void on_frame(const BusFrame& in) override { heard.push_back(in.can.id); }
  void on_transmitted(bool sent) override { reports.push_back(sent); }
  void on_bus_off() override { ++bus_offs; }
  void on_recovered() override { ++recoveries; }

  CanBus& bus_;
};

struct House {
  Timeline timeline;
  CanBus bus{timeline, Random(1)};
  void pass(Micros time) { timeline.run_until(timeline.now() + time); }
};

}  // namespace

TEST_CASE("a frame is as long on the wire as the book says") {
  Random random(1);
  for (int round = 0; round < 20'000; ++round) {
    const BusFrame any = any_frame(random);
    REQUIRE(wire_bits(any) == static_cast<int>(wire_text(any).size()));
    if (any.can.length != 8 || any.remote) continue;
    REQUIRE(wire_bits(any) >= (any.can.extended ? 131 : 111));
    REQUIRE(wire_bits(any) <= (any.can.extended ? 160 : 135));
  }
}

TEST_CASE("arbitration goes bit by bit") {
  Random random(2);
  for (int round = 0; round < 20'000; ++round) {
    BusFrame a = any_frame(random);
    BusFrame b = any_frame(random);
    if (random.chance(0.3)) b.can.id = a.can.extended ? a.can.id >> 18U : a.can.id;
    b.can.id &= b.can.extended ? 0x1FFFFFFFU : 0x7FFU;
    // The arbitration field without stuff bits; the lower text wins where they differ.
    const auto field = [](const BusFrame& in) {
      if (!in.can.extended) return bits_of(in.can.id, 11) + (in.remote ? "1" : "0") + "0";
      return bits_of(in.can.id >> 18U, 11) + "11" + bits_of(in.can.id & 0x3FFFFU, 18) + (in.remote ? "1" : "0");
    };
    if (field(a) < field(b)) REQUIRE(arbitration_order(a) < arbitration_order(b));
    if (field(a) == field(b)) REQUIRE(arbitration_order(a) == arbitration_order(b));
  }
}

TEST_CASE("who sends at the same time is heard in the order of the identifiers, nobody hears himself") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  Peer c(house.bus);
  CHECK(a.send(frame(0x300)));
  CHECK(b.send(frame(0x18000000, true)));
  CHECK(c.send(frame(0x100)));
  CHECK_FALSE(c.send(frame(0x101)));  // one at a time
  house.pass(5 * kMillisecond);
  CHECK(a.heard == std::vector<std::uint32_t>{0x100, 0x18000000});
  CHECK(b.heard == std::vector<std::uint32_t>{0x100, 0x300});
  CHECK(c.heard == std::vector<std::uint32_t>{0x300, 0x18000000});
  CHECK(a.reports == std::vector<bool>{true});
}

TEST_CASE("the bus carries no more than 500 kbit/s") {
  House house;
  Peer sender(house.bus);
  Peer listener(house.bus);
  const BusFrame any = frame(0x555, false, 0xA5);
  const auto frames_a_second = static_cast<double>(kBitRateBps) / wire_bits(any);
  std::size_t sent = 0;
  while (house.timeline.now() < kSecond) {
    if (!sender.is_sending()) {
      sender.send(any);
      ++sent;
    }
    house.pass(10);
  }
  CHECK(static_cast<double>(listener.heard.size()) <= frames_a_second);
  CHECK(static_cast<double>(listener.heard.size()) > 0.95 * frames_a_second);
}

TEST_CASE("a frame can be withdrawn until it is on the wire") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  a.send(frame(0x100));
  b.send(frame(0x200));
  house.pass(100);
  CHECK_FALSE(house.bus.withdraw(a));
  CHECK(house.bus.withdraw(b));
  house.pass(kMillisecond);
  CHECK(b.heard == std::vector<std::uint32_t>{0x100});
  CHECK(a.heard.empty());
  CHECK(b.reports.empty());
}

TEST_CASE("a corrupted frame is repeated, a single shot is given up, and nothing corrupted is delivered") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  house.bus.quality().corrupt = 0.1;  // more than 1/9 ends in bus-off
  int single_shots_lost = 0;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const bool single_shot = i % 2 == 1;
    a.send(frame(i), single_shot);
    house.pass(20 * kMillisecond);
    REQUIRE(a.reports.size() == i + 1);
    if (single_shot && !a.reports.back()) ++single_shots_lost;
    if (!single_shot) REQUIRE(a.reports.back());
    const bool arrived = !b.heard.empty() && b.heard.back() == i;
    REQUIRE(arrived == a.reports.back());
  }
  CHECK(b.heard.size() == static_cast<std::size_t>(200 - single_shots_lost));
  CHECK(single_shots_lost > 2);
  CHECK(single_shots_lost < 25);
}

TEST_CASE("a single shot that loses the arbitration is over") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  a.send(frame(0x18000001, true), true);
  b.send(frame(0x100));
  house.pass(kMillisecond);
  CHECK(a.reports == std::vector<bool>{false});
  CHECK(b.heard.empty());
}

TEST_CASE("dropped frames are missed by some receivers, and the sender does not know") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  Peer c(house.bus);
  house.bus.quality().drop = 0.3;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    a.send(frame(i));
    house.pass(kMillisecond);
  }
  CHECK(std::count(a.reports.begin(), a.reports.end(), true) == 1000);
  CHECK(b.heard.size() > 620);
  CHECK(b.heard.size() < 780);
  CHECK(b.heard != c.heard);
}

TEST_CASE("32 failures in a row are bus-off, and 1408 bits of silence end it") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  house.bus.quality().corrupt = 1.0;
  a.send(frame(0x100));
  house.pass(20 * kMillisecond);
  CHECK(a.bus_offs == 1);
  CHECK(a.is_bus_off());
  CHECK_FALSE(a.send(frame(0x101)));
  house.bus.quality().corrupt = 0.0;
  b.send(frame(0x200));
  house.pass(kMillisecond);
  CHECK(a.heard.empty());
  house.bus.recover(a);
  house.pass(1408 * kBitTime - 1);
  CHECK(a.recoveries == 0);
  house.pass(1);
  CHECK(a.recoveries == 1);
  CHECK(a.send(frame(0x101)));
  house.pass(kMillisecond);
  CHECK(b.heard == std::vector<std::uint32_t>{0x101});
  CHECK(a.reports == std::vector<bool>{true});
}

TEST_CASE("two that send one identifier with different data destroy each other's frame") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus);
  Peer listener(house.bus);
  SECTION("different data") {
    a.send(frame(0x105, false, 1));
    b.send(frame(0x105, false, 2));
    house.pass(50 * kMillisecond);
    CHECK(listener.heard.empty());
    CHECK(a.bus_offs == 1);
    CHECK(b.bus_offs == 1);
  }
  SECTION("the same data") {
    a.send(frame(0x105, false, 1));
    b.send(frame(0x105, false, 1));
    house.pass(50 * kMillisecond);
    CHECK(listener.heard == std::vector<std::uint32_t>{0x105});
    CHECK(a.reports == std::vector<bool>{true});
    CHECK(b.reports == std::vector<bool>{true});
    CHECK(a.heard.empty());
  }
}

TEST_CASE("pieces of the bus do not hear each other until they are joined") {
  House house;
  Peer a(house.bus);
  Peer b(house.bus, 1);
  Peer c(house.bus, 1);
  a.send(frame(0x100));
  b.send(frame(0x200));
  house.pass(kMillisecond);
  CHECK(b.heard.empty());
  CHECK(a.heard.empty());
  CHECK(c.heard == std::vector<std::uint32_t>{0x200});
  b.send(frame(0x201));
  house.pass(50);  // on the wire: moving cuts it off, and it is sent anew
  house.bus.move(b, 0);
  house.pass(kMillisecond);
  CHECK(a.heard == std::vector<std::uint32_t>{0x201});
  CHECK(c.heard == std::vector<std::uint32_t>{0x200});
  CHECK(b.reports == std::vector<bool>{true, true});
}

TEST_CASE("a lone station waits for somebody to acknowledge, where nothing else does") {
  House house;
  house.bus.quality().acknowledged = false;
  Peer a(house.bus);
  a.send(frame(0x100));
  house.pass(kSecond);
  CHECK(a.reports.empty());
  CHECK(house.bus.withdraw(a));
  a.send(frame(0x101), true);
  house.pass(kSecond);
  CHECK(a.reports == std::vector<bool>{false});
  a.send(frame(0x102));
  house.pass(kSecond);
  Peer b(house.bus);
  house.pass(kSecond);
  CHECK(b.heard == std::vector<std::uint32_t>{0x102});
}

TEST_CASE("who leaves in the middle of a frame takes it along") {
  House house;
  Peer listener(house.bus);
  {
    Peer a(house.bus);
    a.send(frame(0x100));
    house.pass(100);
  }
  Peer b(house.bus);
  b.send(frame(0x200));
  house.pass(kMillisecond);
  CHECK(listener.heard == std::vector<std::uint32_t>{0x200});
}
