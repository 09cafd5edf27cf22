#include <cstdint>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "simulator/bms/modbus_slave.hpp"
#include "simulator/bms/simulated_bms.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

Bytes with_crc(Bytes frame) {
  append_modbus_crc(frame);
  return frame;
}

struct Line {
  Timeline timeline;
  SimulatedBms bms{timeline, Random(5), [] { return BmsReading{.voltage_v = 53.24, .current_a = -12.345}; }};
  Bytes received;
  std::vector<Micros> times;

  Line() {
    bms.set_baud_rate(9600);
    bms.set_receiver([this](std::span<const std::uint8_t> bytes) {
      received.insert(received.end(), bytes.begin(), bytes.end());
      times.push_back(timeline.now());
    });
  }
  Bytes ask(const Bytes& request) {
    received.clear();
    times.clear();
    bms.write(request);
    timeline.run_until(timeline.now() + kSecond);
    return received;
  }
};

const Bytes kBoth = with_crc({1, 3, 0, 0, 0, 2});

}  // namespace

TEST_CASE("the CRC is Modbus'") {
  CHECK(with_crc({0x01, 0x03, 0x10, 0x00, 0x00, 0x03}) == Bytes{1, 3, 16, 0, 0, 3, 1, 0x0B});
}

TEST_CASE("registers are answered") {
  Line line;
  CHECK(line.ask(kBoth) == with_crc({1, 3, 4, 0x02, 0x14, 0xFB, 0x2D}));  // 532, -1235
  CHECK(line.ask(with_crc({1, 3, 0, 1, 0, 1})) == with_crc({1, 3, 2, 0xFB, 0x2D}));
}

TEST_CASE("what cannot be answered gets the exception for it") {
  Line line;
  CHECK(line.ask(with_crc({1, 4, 0, 0, 0, 2})) == with_crc({1, 0x84, 1}));
  CHECK(line.ask(with_crc({1, 3, 0, 1, 0, 2})) == with_crc({1, 0x83, 2}));
  CHECK(line.ask(with_crc({1, 3, 0xFF, 0xFF, 0, 1})) == with_crc({1, 0x83, 2}));
  CHECK(line.ask(with_crc({1, 3, 0, 0, 0, 0})) == with_crc({1, 0x83, 3}));
  CHECK(line.ask(with_crc({1, 3, 0, 0, 0, 126})) == with_crc({1, 0x83, 3}));
  CHECK(line.ask(with_crc({1, 3, 0, 0, 0, 1, 9})) == with_crc({1, 0x83, 3}));
}

TEST_CASE("a slave is silent to others, to damaged requests and at another speed") {
  Line line;
  CHECK(line.ask(with_crc({2, 3, 0, 0, 0, 2})).empty());
  CHECK(line.ask(with_crc({0, 3, 0, 0, 0, 2})).empty());
  CHECK(line.ask({1, 3, 0, 0, 0, 2, 0, 0}).empty());
  CHECK(line.ask({1}).empty());
  CHECK(line.ask(Bytes(1000, 1)).empty());
  line.bms.set_baud_rate(19200);
  CHECK(line.ask(kBoth).empty());
  line.bms.set_baud_rate(9600);
  CHECK(line.ask(kBoth).size() == 9);
}

TEST_CASE("bytes take their time at 9600 baud") {
  Line line;
  line.ask(kBoth);
  REQUIRE(line.times.size() == 9);
  constexpr Micros kCharacter = 1041;
  const Micros request_end = 8 * kCharacter;
  CHECK(line.times.front() == request_end + 3643 + 10 * kMillisecond + kCharacter);
  for (std::size_t i = 1; i < line.times.size(); ++i) CHECK(line.times[i] - line.times[i - 1] == kCharacter);
  CHECK(line.times.back() < 100 * kMillisecond);  // a master gives up then
}

TEST_CASE("a request in pieces is one, after a pause it is two") {
  Line line;
  const auto pieces = [&](Micros pause) {
    line.received.clear();
    line.bms.write(std::span(kBoth).first(3));
    line.timeline.run_until(line.timeline.now() + 3 * 1041 + pause);
    line.bms.write(std::span(kBoth).subspan(3));
    line.timeline.run_until(line.timeline.now() + kSecond);
    return line.received.size();
  };
  CHECK(pieces(kMillisecond) == 9);
  CHECK(pieces(10 * kMillisecond) == 0);
}

TEST_CASE("a new request ends the answer to the old") {
  Line line;
  line.bms.write(kBoth);
  line.timeline.run_until(26 * kMillisecond);
  const std::size_t heard = line.received.size();
  CHECK(heard > 0);
  CHECK(heard < 9);
  line.bms.write(kBoth);
  line.timeline.run_until(kSecond);
  CHECK(line.received.size() == heard + 9);
}

TEST_CASE("a BMS fails in its ways") {
  Line line;
  line.bms.set_behaviour(BmsBehaviour::kSilent);
  CHECK(line.ask(kBoth).empty());
  line.bms.set_behaviour(BmsBehaviour::kCrc);
  const Bytes damaged = line.ask(kBoth);
  CHECK(damaged.size() == 9);
  CHECK(modbus_crc(damaged) != 0);
  line.bms.set_behaviour(BmsBehaviour::kException);
  CHECK(line.ask(kBoth) == with_crc({1, 0x83, 4}));
  line.bms.set_behaviour(BmsBehaviour::kGarbage);
  const Bytes garbage = line.ask(kBoth);
  CHECK_FALSE(garbage.empty());
  CHECK(garbage != line.ask(kBoth));
  line.bms.set_behaviour(BmsBehaviour::kOk);
  CHECK(modbus_crc(line.ask(kBoth)) == 0);
}
