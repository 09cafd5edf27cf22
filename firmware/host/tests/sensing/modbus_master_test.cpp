// R2: Modbus RTU master, CRC low byte first, 100 ms timeout, without waiting.
#include "alfaspark/sensing/modbus_master.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "catch.hpp"

namespace alfaspark::sensing_test {
namespace {

using Status = ModbusMaster::Status;
using Bytes = std::vector<std::uint8_t>;

Bytes with_crc(Bytes frame) {
  const std::uint16_t crc = modbus_crc(frame);
  frame.push_back(static_cast<std::uint8_t>(crc & 0xFF));
  frame.push_back(static_cast<std::uint8_t>(crc >> 8));
  return frame;
}

/// 51.2 V and -3.50 A as the generic profile's BMS sends them.
constexpr std::array<std::uint8_t, 9> kAnswer{0x01, 0x03, 0x04, 0x02, 0x00, 0xFE, 0xA2, 0x3A, 0x52};
const ModbusRead kRead{1, 3, 0, 2};
const ModbusRead kOtherRead{1, 3, 40, 2};

struct Desk {
  Desk() { master.set_line(9600, 0); }

  Line line;
  ModbusMaster master{line};
};

TEST_CASE("R2: the Modbus CRC is the standard's, low byte first", "[sensing][modbus]") {
  CHECK(with_crc({0x01, 0x03, 0x10, 0x00, 0x00, 0x03}) == Bytes{0x01, 0x03, 0x10, 0x00, 0x00, 0x03, 0x01, 0x0B});
  CHECK(with_crc({0x02, 0x07}) == Bytes{0x02, 0x07, 0x41, 0x12});  // from the Modbus serial line specification
  CHECK(modbus_crc({}) == 0xFFFF);
}

TEST_CASE("R2: a request is sent as the standard says", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, {0x11, 4, 0x1000, 6}));
  CHECK(desk.line.baud_rate() == 9600);
  REQUIRE(desk.line.sent.size() == 1);
  CHECK(desk.line.sent[0] == with_crc({0x11, 0x04, 0x10, 0x00, 0x00, 0x06}));
  CHECK(desk.master.status() == Status::kWaiting);
  CHECK_FALSE(desk.master.request(1, kRead));  // one at a time
}

TEST_CASE("R2: requests that cannot be sent are refused", "[sensing][modbus]") {
  Desk desk;
  CHECK_FALSE(desk.master.request(0, {1, 3, 0, 0}));
  CHECK_FALSE(desk.master.request(0, {1, 3, 0, ModbusMaster::kMaximumRegisters + 1}));
  CHECK_FALSE(desk.master.request(0, {1, 1, 0, 0}));
  CHECK_FALSE(desk.master.request(0, {1, 0, 0, 1}));
  CHECK_FALSE(desk.master.request(0, {1, 5, 0, 1}));  // would write
  desk.line.takes = false;
  CHECK_FALSE(desk.master.request(0, kRead));
  CHECK(desk.master.status() == Status::kIdle);
  desk.line.takes = true;
  CHECK(desk.master.request(0, kRead));
}

TEST_CASE("R2: an answer arrives in one piece or in any other", "[sensing][modbus]") {
  const std::size_t split = GENERATE(range(std::size_t{0}, std::size_t{9}));
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  const auto answer = std::span(kAnswer);
  desk.master.on_bytes(20 * kMillisecond, answer.first(split));
  CHECK(desk.master.status() == Status::kWaiting);
  desk.master.on_bytes(60 * kMillisecond, answer.subspan(split));
  REQUIRE(desk.master.status() == Status::kAnswered);
  CHECK(desk.master.register_at(0) == 0x0200);
  CHECK(desk.master.register_at(1) == 0xFEA2);
}

TEST_CASE("R2: an answer may come byte by byte", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  Micros now = 15 * kMillisecond;
  for (const std::uint8_t byte : kAnswer) {
    CHECK(desk.master.status() == Status::kWaiting);
    desk.master.on_bytes(now += kMillisecond, std::span(&byte, 1));
  }
  CHECK(desk.master.status() == Status::kAnswered);
}

TEST_CASE("R2: garbage around an answer does not hide it", "[sensing][modbus]") {
  const Bytes before = GENERATE(Bytes{}, Bytes{0x00}, Bytes{0xFF, 0x01}, Bytes{0x01, 0x03}, Bytes{0x01, 0x03, 0x04},
                                Bytes(100, 0x01), Bytes{1, 3, 0, 0, 0, 2, 0xC4, 0x0B} /* echo of the request */);
  const Bytes after = GENERATE(Bytes{}, Bytes{0x00, 0xFF, 0x01, 0x03, 0x04});
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  Bytes received = before;
  received.insert(received.end(), kAnswer.begin(), kAnswer.end());
  received.insert(received.end(), after.begin(), after.end());
  desk.master.on_bytes(20 * kMillisecond, received);
  REQUIRE(desk.master.status() == Status::kAnswered);
  CHECK(desk.master.register_at(0) == 0x0200);
  CHECK(desk.master.register_at(1) == 0xFEA2);
}

TEST_CASE("R2: the longest answer fits behind garbage", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, {1, 3, 0, ModbusMaster::kMaximumRegisters}));
  Bytes answer{1, 3, 2 * ModbusMaster::kMaximumRegisters};
  for (std::uint8_t i = 0; i < ModbusMaster::kMaximumRegisters; ++i) {
    answer.push_back(0xA0);
    answer.push_back(i);
  }
  desk.master.on_bytes(20 * kMillisecond, Bytes(50, 0x55));
  desk.master.on_bytes(60 * kMillisecond, with_crc(answer));
  REQUIRE(desk.master.status() == Status::kAnswered);
  CHECK(desk.master.register_at(0) == 0xA000);
  CHECK(desk.master.register_at(15) == 0xA00F);
}

Bytes changed_answer(std::size_t index, std::uint8_t difference) {
  Bytes answer(kAnswer.begin(), kAnswer.end());
  answer[index] ^= difference;
  return answer;
}

TEST_CASE("R2: what is no answer to this request is silence", "[sensing][modbus]") {
  const std::vector<std::pair<const char*, Bytes>> wrong{
      {"CRC error", changed_answer(8, 0x01)},
      {"bit error", changed_answer(4, 0x40)},
      {"CRC high byte first", {0x01, 0x03, 0x04, 0x02, 0x00, 0xFE, 0xA2, kAnswer[8], kAnswer[7]}},
      {"wrong unit", with_crc({0x02, 0x03, 0x04, 2, 0, 0, 0})},
      {"wrong function", with_crc({0x01, 0x04, 0x04, 2, 0, 0, 0})},
      {"wrong byte count", with_crc({0x01, 0x03, 0x06, 2, 0, 0, 0})},
      {"too few registers", with_crc({0x01, 0x03, 0x02, 2, 0})},
      {"too many registers", with_crc({0x01, 0x03, 0x06, 2, 0, 0, 0, 0, 0})},
      {"another unit's exception", with_crc({0x02, 0x83, 0x02})},
      {"exception without a code", with_crc({0x01, 0x83, 0x00})},
      {"truncated", Bytes(kAnswer.begin(), kAnswer.end() - 1)},
      {"flood", Bytes(200, 0x01)},
  };
  REQUIRE(kAnswer[7] != kAnswer[8]);
  for (const auto& [what, received] : wrong) {
    INFO(what);
    Desk desk;
    REQUIRE(desk.master.request(0, kRead));
    desk.master.on_bytes(20 * kMillisecond, received);
    CHECK(desk.master.status() == Status::kWaiting);
    desk.master.tick(kSecond);
    CHECK(desk.master.status() == Status::kTimedOut);
  }
}

TEST_CASE("R2: bits are read by function 1 and 2, the first in the lowest place", "[sensing][modbus]") {
  // The example of the Modbus application protocol for function 1: outputs 20 to 38 are CD 6B 05.
  const auto function = GENERATE(std::uint8_t{1}, std::uint8_t{2});
  Desk desk;
  REQUIRE(desk.master.request(0, {0x11, function, 0x13, 0x13}));
  CHECK(desk.line.sent[0] == with_crc({0x11, function, 0x00, 0x13, 0x00, 0x13}));
  SECTION("answered") {
    desk.master.on_bytes(30 * kMillisecond, with_crc({0x11, function, 0x03, 0xCD, 0x6B, 0x05}));
    REQUIRE(desk.master.status() == Status::kAnswered);
    std::string outputs;
    for (std::size_t i = 0; i < 0x13; ++i) outputs += desk.master.bit_at(i) ? '1' : '0';
    CHECK(outputs == "1011001111010110101");  // 20 to 38
  }
  SECTION("answered as if they were registers") {
    Bytes registers{0x11, function, 2 * 0x13};
    registers.resize(3 + 2 * 0x13);
    desk.master.on_bytes(30 * kMillisecond, with_crc(registers));
    CHECK(desk.master.status() == Status::kWaiting);
  }
  SECTION("refused") {
    desk.master.on_bytes(30 * kMillisecond, with_crc({0x11, static_cast<std::uint8_t>(function | 0x80), 0x02}));
    CHECK(desk.master.status() == Status::kException);
  }
}

TEST_CASE("R2: the longest answer of bits, and how long it is waited for", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, {1, 1, 0x1200, 255}));
  Bytes answer{0x01, 0x01, 32};
  answer.resize(3 + 32, 0xFF);
  desk.master.tick(140 * kMillisecond);  // 37 characters and the request take 51 ms at 9600 bit/s
  REQUIRE(desk.master.status() == Status::kWaiting);
  desk.master.on_bytes(145 * kMillisecond, with_crc(answer));
  REQUIRE(desk.master.status() == Status::kAnswered);
  CHECK(desk.master.bit_at(0));
  CHECK(desk.master.bit_at(254));
}

TEST_CASE("R2: bits of registers count from the lowest of the first", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  desk.master.on_bytes(20 * kMillisecond, with_crc({0x01, 0x03, 0x04, 0x80, 0x01, 0x00, 0x02}));
  REQUIRE(desk.master.status() == Status::kAnswered);
  for (std::size_t bit = 0; bit < 32; ++bit) {
    INFO("bit " << bit);
    CHECK(desk.master.bit_at(bit) == (bit == 0 || bit == 15 || bit == 17));
  }
}

TEST_CASE("R2: a device may answer as another, but only as the one that is expected", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, {.unit = 0x81, .count = 1, .reply_unit = 0x51}));
  CHECK(desk.line.sent[0][0] == 0x81);
  desk.master.on_bytes(20 * kMillisecond, with_crc({0x81, 0x03, 0x02, 0x00, 0x07}));
  CHECK(desk.master.status() == Status::kWaiting);
  SECTION("an answer") {
    desk.master.on_bytes(30 * kMillisecond, with_crc({0x51, 0x03, 0x02, 0x00, 0x07}));
    REQUIRE(desk.master.status() == Status::kAnswered);
    CHECK(desk.master.register_at(0) == 7);
  }
  SECTION("an exception") {
    desk.master.on_bytes(30 * kMillisecond, with_crc({0x51, 0x83, 0x02}));
    CHECK(desk.master.status() == Status::kException);
  }
}

TEST_CASE("R2: an exception answer ends the request with its code", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  desk.master.on_bytes(20 * kMillisecond, with_crc({0x01, 0x83, 0x02}));
  CHECK(desk.master.status() == Status::kException);
  CHECK(desk.master.exception_code() == 2);
}

TEST_CASE("R2: silence is declared 100 ms after the request, plus the time on the line", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  desk.master.tick(100 * kMillisecond);
  CHECK(desk.master.status() == Status::kWaiting);
  desk.master.on_bytes(105 * kMillisecond, std::span(kAnswer).first(3));  // begun in time
  desk.master.on_bytes(112 * kMillisecond, std::span(kAnswer).subspan(3));
  CHECK(desk.master.status() == Status::kAnswered);

  REQUIRE(desk.master.request(kSecond, kRead));
  desk.master.tick(kSecond + 125 * kMillisecond);
  CHECK(desk.master.status() == Status::kTimedOut);
  desk.master.on_bytes(kSecond + 126 * kMillisecond, kAnswer);
  CHECK(desk.master.status() == Status::kTimedOut);
}

TEST_CASE("R2: an answer that comes together with its timeout is too late", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  desk.master.on_bytes(200 * kMillisecond, kAnswer);
  CHECK(desk.master.status() == Status::kTimedOut);
}

TEST_CASE("R2: a late answer is not taken as the answer of another request", "[sensing][modbus]") {
  Desk desk;
  REQUIRE(desk.master.request(0, kRead));
  desk.master.tick(130 * kMillisecond);
  REQUIRE(desk.master.status() == Status::kTimedOut);

  SECTION("because the other one is not sent while it may come") {
    CHECK_FALSE(desk.master.request(200 * kMillisecond, kOtherRead));
    desk.master.on_bytes(400 * kMillisecond, kAnswer);
    CHECK(desk.master.status() == Status::kTimedOut);
    CHECK_FALSE(desk.master.request(900 * kMillisecond, kOtherRead));
    REQUIRE(desk.master.request(1'140 * kMillisecond, kOtherRead));
    CHECK(desk.master.status() == Status::kWaiting);
  }
  SECTION("nor the answer to a repeated request, when its first answer came late") {
    REQUIRE(desk.master.request(200 * kMillisecond, kRead));
    desk.master.on_bytes(250 * kMillisecond, kAnswer);  // of the first, really: the same registers
    REQUIRE(desk.master.status() == Status::kAnswered);
    CHECK_FALSE(desk.master.request(300 * kMillisecond, kOtherRead));
    desk.master.on_bytes(450 * kMillisecond, kAnswer);  // of the second
    REQUIRE(desk.master.request(1'140 * kMillisecond, kOtherRead));
    CHECK(desk.master.status() == Status::kWaiting);
  }
  SECTION("nor are bytes that came before a request part of its answer") {
    REQUIRE(desk.master.request(200 * kMillisecond, kRead));
    desk.master.on_bytes(300 * kMillisecond, std::span(kAnswer).first(5));
    desk.master.tick(330 * kMillisecond);
    REQUIRE(desk.master.status() == Status::kTimedOut);
    REQUIRE(desk.master.request(340 * kMillisecond, kRead));
    desk.master.on_bytes(345 * kMillisecond, std::span(kAnswer).subspan(5));
    CHECK(desk.master.status() == Status::kWaiting);
  }
  SECTION("nor are bytes that came between two requests") {
    desk.master.on_bytes(180 * kMillisecond, std::span(kAnswer).first(5));
    REQUIRE(desk.master.request(200 * kMillisecond, kRead));
    desk.master.on_bytes(210 * kMillisecond, std::span(kAnswer).subspan(5));
    CHECK(desk.master.status() == Status::kWaiting);
  }
}

TEST_CASE("R2: nothing is sent before the line was quiet for 3.5 characters", "[sensing][modbus]") {
  Desk desk;
  const auto pause = GENERATE(Micros{4'010}, Micros{1'750}, Micros{100'000});
  if (pause == 1'750) desk.master.set_line(115'200, 0);
  if (pause == 100'000) desk.master.set_line(9600, 100);
  REQUIRE(desk.master.request(0, kRead));
  desk.master.on_bytes(50 * kMillisecond, kAnswer);
  REQUIRE(desk.master.status() == Status::kAnswered);
  CHECK_FALSE(desk.master.request(50 * kMillisecond + pause - 20, kRead));
  CHECK(desk.master.request(50 * kMillisecond + pause + 20, kRead));
}

}  // namespace
}  // namespace alfaspark::sensing_test
