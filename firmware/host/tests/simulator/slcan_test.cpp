#include <algorithm>
#include <string>

#include "catch.hpp"
#include "simulator/slcan/adapter.hpp"
#include "simulator/slcan/codec.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

BusFrame any_frame(Random& random) {
  BusFrame out;
  out.can.extended = random.chance(0.5);
  out.can.id = static_cast<std::uint32_t>(random.next()) & (out.can.extended ? 0x1FFFFFFFU : 0x7FFU);
  out.can.length = static_cast<std::uint8_t>(random.next() % 9);
  out.remote = random.chance(0.2);
  for (auto& byte : out.can.data) byte = static_cast<std::uint8_t>(random.next());
  return out;
}

struct Desk {
  Timeline timeline;
  CanBus bus{timeline, Random(1)};
  SlcanAdapter adapter{bus, timeline};
  SlcanAdapter other{bus, timeline};

  static std::string say(SlcanAdapter& adapter, std::string input) {
    adapter.receive(input);
    REQUIRE(input.empty());
    std::string answer = adapter.output();
    adapter.output().clear();
    return answer;
  }
  std::string say(const std::string& input) { return say(adapter, input); }
  std::string heard_by_other() {
    timeline.run_until(timeline.now() + 100 * kMillisecond);
    std::string heard = other.output();
    other.output().clear();
    return heard;
  }
};

}  // namespace

TEST_CASE("frames survive their text form") {
  Random random(1);
  for (int round = 0; round < 20'000; ++round) {
    const BusFrame in = any_frame(random);
    std::string line = format_slcan_frame(in);
    if (random.chance(0.5)) {
      for (char& c : line) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
      }
    }
    const auto out = parse_slcan_frame(line);
    REQUIRE(out);
    REQUIRE(same_bits(in, *out));
  }
}

TEST_CASE("the text form is LAWICEL's") {
  BusFrame frame;
  frame.can.id = 0x12;
  frame.can.length = 2;
  frame.can.data = {0xAB, 0x0C};
  CHECK(format_slcan_frame(frame) == "t0122AB0C");
  CHECK(format_slcan_frame(frame, 0x1F2E) == "t0122AB0C1F2E");
  frame.can.extended = true;
  CHECK(format_slcan_frame(frame) == "T000000122AB0C");
  frame.remote = true;
  CHECK(format_slcan_frame(frame) == "R000000122");
}

TEST_CASE("anything that is no frame is refused") {
  for (const char* line :
       {"", "t", "t12", "t1230x", "t123", "t1239", "t12320102AB", "t123201", "t8000", "T200000000", "T0000001",
        "r12380102030405060708", "t1231G0", "x0000001200", "d1230", "t 1231FF", "-1230"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_slcan_frame(line));
  }
}

TEST_CASE("garbage is answered, never followed, and leaves the adapter whole") {
  Desk desk;
  Desk::say(desk.other, "S6\rO\r");
  Random random(7);
  static const std::string kLikely = "tTrRSOCLZFVNs0123456789ABCDEF\r\r\r\r\n\a";
  for (int round = 0; round < 3000; ++round) {
    std::string input(random.next() % 200, '\0');
    for (char& c : input) {
      c = random.chance(0.7) ? kLikely[random.next() % kLikely.size()] : static_cast<char>(random.next());
    }
    while (!input.empty()) {
      desk.adapter.receive(input);
      desk.timeline.run_until(desk.timeline.now() + 10 * kMillisecond);
      REQUIRE(desk.adapter.output().size() < 100'000);
      desk.adapter.output().clear();
    }
    // Whatever reached the bus is a frame.
    std::string heard = desk.heard_by_other();
    for (std::size_t end = heard.find('\r'); end != std::string::npos; end = heard.find('\r')) {
      REQUIRE(parse_slcan_frame(heard.substr(0, end)));
      heard.erase(0, end + 1);
    }
    REQUIRE(heard.empty());
  }
  desk.say("\rC\rS6\rO\r");
  CHECK(desk.say("t1232AABB\r") == "z\r");
  CHECK(desk.heard_by_other() == "t1232AABB\r");
}

TEST_CASE("the way python-can opens, sends and closes") {
  Desk desk;
  Desk::say(desk.other, "C\rS6\r\rO\rO\r");
  CHECK(desk.say("C\rS6\r\rO\rO\r") == "\r\r\r\r\r");
  CHECK(desk.say("T0001234520102\r") == "Z\r");
  CHECK(desk.say("r1234\r") == "z\r");
  CHECK(desk.heard_by_other() ==
        "T000123452"
        "0102\rr1234\r");
  CHECK(desk.adapter.output().empty());
  CHECK(desk.say("t10010A\rC\r") == "z\r\r");  // what was sent before the close still goes out
  CHECK(desk.heard_by_other() == "t10010A\r");
  Desk::say(desk.other, "t1110\r");
  desk.timeline.run_until(desk.timeline.now() + kSecond);
  CHECK(desk.adapter.output().empty());
}

TEST_CASE("what an adapter must refuse") {
  Desk desk;
  CHECK(desk.say("t1230\r") == "\a");  // closed
  CHECK(desk.say("F\r") == "\a");
  CHECK(desk.say("S10\rS\rSX\rs01\rQ1\rM00000000\r") == "\a\a\a\a\a\a");
  CHECK(desk.say("Y5\rd1230\rB000001230\r") == "\a\a\a");  // CAN FD
  CHECK(desk.say(std::string(5000, 't') + "\r") == "\a");
  CHECK(desk.say("O\r") == "\r");
  CHECK(desk.say("S6\rZ1\r") == "\a\a");  // open
  CHECK(desk.say("t12\rF\r") == "\aF00\r");
  CHECK(desk.say("C\rL\rt1230\r") == "\r\r\a");  // listens only
  CHECK(desk.say("V\rN\r") == "V1013\rNSIM1\r");
}

TEST_CASE("an adapter at another bit rate hears and sends nothing") {
  Desk desk;
  desk.say("S5\rO\r");
  Desk::say(desk.other, "s001C\rO\r");  // 500 kbit/s by registers
  CHECK(desk.say("t1230\r") == "\a");
  CHECK(Desk::say(desk.other, "t1230\r") == "z\r");
  desk.timeline.run_until(kSecond);
  CHECK(desk.adapter.output().empty());
  desk.say("C\rS6\rO\r");
  Desk::say(desk.other, "t1240\r");
  desk.timeline.run_until(2 * kSecond);
  CHECK(desk.adapter.output() == "t1240\r");
}

TEST_CASE("timestamps are milliseconds in the minute") {
  Desk desk;
  desk.say("Z1\rO\r");
  Desk::say(desk.other, "O\r");
  desk.timeline.run_until(61'234 * kMillisecond);
  Desk::say(desk.other, "t1230\r");
  desk.timeline.run_until(62 * kSecond);
  CHECK(desk.adapter.output() == "t123004D2\r");
}

TEST_CASE("a flood waits in front of the adapter, in order, and nothing of it is lost") {
  Desk desk;
  desk.say("O\r");
  Desk::say(desk.other, "O\r");
  std::string flood;
  std::string expected;
  for (unsigned id = 0; id < 0x700; ++id) {
    BusFrame frame;
    frame.can.id = id;
    flood += format_slcan_frame(frame) + "\r";
  }
  expected = flood;
  std::string heard;
  while (!flood.empty()) {
    desk.adapter.receive(flood);
    REQUIRE_FALSE(desk.adapter.has_room());
    desk.adapter.output().clear();
    desk.timeline.run_until(desk.timeline.now() + 5 * kMillisecond);
    if (desk.adapter.is_idle() && !flood.empty()) REQUIRE(desk.adapter.has_room());
    heard += desk.other.output();
    desk.other.output().clear();
    if (flood.size() < SlcanAdapter::kQueueLength * 6) {
      desk.adapter.receive(flood);
      break;
    }
  }
  heard += desk.heard_by_other();
  CHECK(heard == expected);
}
