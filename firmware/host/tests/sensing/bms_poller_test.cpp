// R2: the BMS is asked every 2 s, 3 tries with back-off; nonsense and jumps beyond physics count as silence.
#include "alfaspark/sensing/bms_poller.hpp"

#include "bench.hpp"
#include "catch.hpp"
#include "fake_bms.hpp"

namespace alfaspark::sensing_test {
namespace {

TEST_CASE("R2: the generic profile reads voltage and signed current every 2 s, by one request", "[sensing][bms]") {
  House house;
  house.bms.run(100 * kMillisecond);
  REQUIRE(house.poller.measurement());
  CHECK(house.voltage() == Approx(53.1));
  CHECK(house.current() == Approx(-12.34));
  CHECK_FALSE(house.poller.measurement()->soc_pct);
  CHECK(house.line.baud_rate() == 9600);
  CHECK(house.line.sent[0] == std::vector<std::uint8_t>{0x01, 0x03, 0x00, 0x00, 0x00, 0x02, 0xC4, 0x0B});

  house.bms.set_voltage(53.4);
  house.bms.set_current(20.0);
  house.bms.run(10 * kSecond);
  CHECK(house.voltage() == Approx(53.4));
  CHECK(house.current() == Approx(20.0));
  REQUIRE(house.bms.requested_at.size() == 6);
  for (std::size_t i = 2; i < 6; ++i) {
    CHECK(house.bms.requested_at[i] - house.bms.requested_at[i - 1] == 2 * kSecond);
  }
}

TEST_CASE("R2: three tries with back-off, then silence until the next poll", "[sensing][bms]") {
  House house;
  house.bms.mode =
      GENERATE(FakeBms::Mode::kSilent, FakeBms::Mode::kBadCrc, FakeBms::Mode::kException, FakeBms::Mode::kGarbage);
  house.bms.run(1'990 * kMillisecond);
  REQUIRE(house.bms.requested_at.size() == 3);
  const Micros first_gap = house.bms.requested_at[1] - house.bms.requested_at[0];
  const Micros second_gap = house.bms.requested_at[2] - house.bms.requested_at[1];
  CHECK(first_gap >= 100 * kMillisecond);
  CHECK(second_gap >= first_gap + 95 * kMillisecond);
  CHECK_FALSE(house.poller.measurement());

  house.bms.mode = FakeBms::Mode::kOk;
  house.bms.run(2 * kSecond);
  CHECK(house.poller.measurement());
  CHECK(house.bms.requested_at.size() == 4);
}

TEST_CASE("R2: a second or third try that is answered is as good as the first", "[sensing][bms]") {
  House house;
  house.bms.failures = GENERATE(1, 2);
  house.bms.run(kSecond);
  REQUIRE(house.poller.measurement());
  CHECK(house.voltage() == Approx(53.1));
}

TEST_CASE("R2: a measurement is held for 10 s and lost then", "[sensing][bms]") {
  House house;
  house.bms.run(100 * kMillisecond);
  const Micros measured_at = house.poller.measured_at();
  house.bms.mode = FakeBms::Mode::kSilent;
  house.bms.run(measured_at + 9'990 * kMillisecond - house.bms.now);
  CHECK(house.poller.measurement());
  house.bms.run(20 * kMillisecond);
  CHECK_FALSE(house.poller.measurement());
  house.bms.mode = FakeBms::Mode::kOk;
  house.bms.run(2 * kSecond);
  CHECK(house.poller.measurement());
}

TEST_CASE("R2: nonsense counts as silence", "[sensing][bms]") {
  House house;
  house.bms.run(100 * kMillisecond);
  const auto [voltage_v, current_a] = GENERATE(std::pair{29.9, 0.0}, std::pair{70.1, 0.0}, std::pair{0.0, 0.0},
                                               std::pair{6553.5, 0.0}, std::pair{53.1, -327.68});
  house.bms.registers[0] = static_cast<std::uint16_t>(std::lround(voltage_v * 10.0));
  house.bms.set_current(current_a);
  house.bms.run(9 * kSecond);
  CHECK(house.voltage() == Approx(53.1));
  CHECK(house.current() == Approx(-12.34));
  CHECK(house.line.sent.size() == 1 + 3 * 4);
  house.bms.run(2 * kSecond);
  CHECK_FALSE(house.poller.measurement());
}

TEST_CASE("R2: a voltage that jumps beyond physics is taken only when the next readings confirm it", "[sensing][bms]") {
  House house;
  house.bms.run(100 * kMillisecond);
  house.bms.set_voltage(47.0);

  SECTION("it is not taken at once") {
    house.bms.run(1'950 * kMillisecond);
    CHECK(house.voltage() == Approx(53.1));
    SECTION("nor if it was gone at the second look") {
      house.bms.set_voltage(53.2);
      house.bms.run(2 * kSecond);
      CHECK(house.voltage() == Approx(53.2));
    }
    SECTION("but it is when it stays") {
      house.bms.run(kSecond);
      CHECK(house.voltage() == Approx(47.0));
    }
  }
  SECTION("readings that jump about confirm nothing") {
    for (int i = 0; i < 20; ++i) {
      house.bms.set_voltage(i % 2 == 0 ? 40.0 : 65.0);
      const std::size_t asked = house.line.sent.size();
      while (house.line.sent.size() == asked) house.bms.run(kMillisecond);
      if (!house.poller.measurement()) break;
      CHECK(house.voltage() == Approx(53.1));
    }
  }
}

TEST_CASE("R2: a voltage may move as far as the change of current explains", "[sensing][bms]") {
  House house;
  house.bms.run(100 * kMillisecond);
  house.bms.set_current(-112.0);
  house.bms.set_voltage(47.5);  // 5.6 V over 100 A: 56 milliohm, cables and all
  house.bms.run(2 * kSecond);
  CHECK(house.voltage() == Approx(47.5));
  CHECK(house.line.sent.size() == 2);
}

const std::array<BmsProfile, 3> kOtherProfiles{{
    {.name = "scattered",
     .baud_rate = 19200,
     .voltage = {.function = 4, .address = 0x10, .scale = 0.01F},
     .current = {.function = 4, .address = 0x90, .scale = 0.1F, .offset = 30000, .invert_sign = true}},
    {.name = "with SOC",
     .min_pause_ms = 100,
     .voltage = {.function = 3, .address = 1, .scale = 0.01F},
     .current = {.function = 3, .address = 0, .scale = 0.01F, .is_signed = true},
     .soc = {.function = 3, .address = 2}},
    {.name = "voltage only", .voltage = {.function = 3, .address = 7, .scale = 0.1F}},
}};

TEST_CASE("R2: another BMS is a table: function, address, scale, offset, sign, order", "[sensing][bms]") {
  House house(kOtherProfiles);
  SECTION("registers far apart, offset and inverted sign") {
    house.bms.registers = {{0x10, 5234}, {0x90, 30000 + 125}};
    house.bms.run(200 * kMillisecond);
    REQUIRE(house.poller.measurement());
    CHECK(house.voltage() == Approx(52.34));
    CHECK(house.current() == Approx(-12.5));
    CHECK(house.line.baud_rate() == 19200);
    CHECK(house.line.sent.size() == 2);
    CHECK(house.line.sent[0][1] == 4);
  }
  SECTION("another order, a SOC, and a pause") {
    REQUIRE(house.parameters.set(Parameter::kBmsProfile, 1));
    REQUIRE(house.parameters.set(Parameter::kSocSource, 1));
    house.bms.registers = {{0, static_cast<std::uint16_t>(-250)}, {1, 5234}, {2, 77}};
    house.bms.run(200 * kMillisecond);
    REQUIRE(house.poller.measurement());
    CHECK(house.voltage() == Approx(52.34));
    CHECK(house.current() == Approx(-2.5));
    CHECK(*house.poller.measurement()->soc_pct == Approx(77.0));
    CHECK(house.line.sent.size() == 1);
  }
  SECTION("no current register") {
    REQUIRE(house.parameters.set(Parameter::kBmsProfile, 2));
    house.bms.registers = {{7, 523}};
    house.bms.run(200 * kMillisecond);
    REQUIRE(house.poller.measurement());
    CHECK(house.voltage() == Approx(52.3));
    CHECK_FALSE(house.poller.measurement()->current_a);
  }
  SECTION("an index that the table does not have means the first") {
    REQUIRE(house.parameters.set(Parameter::kBmsProfile, 5));
    house.bms.registers = {{0x10, 5234}, {0x90, 30000}};
    house.bms.run(200 * kMillisecond);
    CHECK(house.poller.measurement());
  }
  SECTION("a SOC that nobody uses is not asked for") {
    REQUIRE(house.parameters.set(Parameter::kBmsProfile, 1));
    house.bms.registers = {{0, 0}, {1, 5234}, {2, 77}};
    house.bms.run(200 * kMillisecond);
    REQUIRE(house.poller.measurement());
    CHECK_FALSE(house.poller.measurement()->soc_pct);
    CHECK(house.line.sent[0][5] == 2);
  }
}

TEST_CASE("R2: profile and address may change while it runs", "[sensing][bms]") {
  House house;
  house.bms.unit = 7;
  house.bms.run(4'500 * kMillisecond);
  CHECK_FALSE(house.poller.measurement());
  REQUIRE(house.parameters.set(Parameter::kBmsAddress, 7));
  house.bms.run(4 * kSecond);
  CHECK(house.poller.measurement());
}

TEST_CASE("R2: with late answers no register is ever taken for another", "[sensing][bms]") {
  House house(kOtherProfiles);
  house.bms.registers = {{0x10, 5234}, {0x90, 30000 + 125}};  // both answers have the same shape
  house.bms.latency = GENERATE(range(10 * kMillisecond, 900 * kMillisecond, 37 * kMillisecond));
  INFO("latency " << house.bms.latency / kMillisecond << " ms");
  for (int i = 0; i < 300; ++i) {
    house.bms.run(100 * kMillisecond);
    if (!house.poller.measurement()) continue;
    CHECK(house.voltage() == Approx(52.34));
    CHECK(house.current() == Approx(-12.5));
  }
}

TEST_CASE("R2: a port that takes nothing, or a line that never rests, is silence and no more", "[sensing][bms]") {
  House house;
  SECTION("port") {
    house.line.takes = false;
    house.bms.run(30 * kSecond);
    house.line.takes = true;
  }
  SECTION("line") {
    const std::array<std::uint8_t, 3> noise{0x01, 0x03, 0xFF};
    for (int i = 0; i < 30'000; ++i) {
      house.poller.on_bytes(house.bms.now, noise);
      house.bms.run(kMillisecond);
    }
    CHECK(house.line.sent.empty());
  }
  CHECK_FALSE(house.poller.measurement());
  house.bms.run(4 * kSecond);
  CHECK(house.poller.measurement());
}

}  // namespace
}  // namespace alfaspark::sensing_test
