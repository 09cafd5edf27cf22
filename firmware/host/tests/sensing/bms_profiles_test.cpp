// R2: each profile of the table, read from registers laid out as its maker's document says (bms_profiles.json names
// it).
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "alfaspark/generated/frames.hpp"
#include "bench.hpp"
#include "catch.hpp"
#include "fake_bms.hpp"

namespace alfaspark::sensing_test {
namespace {

using enum frames::BatteryAlarm;
using frames::BatteryAlarm;

constexpr Micros kOnePoll = 1'900 * kMillisecond;

std::uint16_t set_of(std::initializer_list<BatteryAlarm> alarms) {
  unsigned bits = 0;
  for (const BatteryAlarm alarm : alarms) bits |= frames::bit(alarm);
  return static_cast<std::uint16_t>(bits);
}

std::size_t profile_index(std::string_view name) {
  for (std::size_t i = 0; i < kBmsProfiles.size(); ++i) {
    if (name == kBmsProfiles[i].name) return i;
  }
  FAIL("no profile " << name);
  return 0;
}

/// A house with that BMS at address 1, which its SOC is taken from.
struct ProfileHouse : House {
  explicit ProfileHouse(std::string_view name) {
    REQUIRE(parameters.set(Parameter::kBmsProfile, static_cast<std::int32_t>(profile_index(name))));
    REQUIRE(parameters.set(Parameter::kSocSource, 1));
    bms.registers.clear();
  }
  void reads(double voltage_v, double current_a, double soc_pct) {
    bms.run(kOnePoll);
    REQUIRE(poller.measurement());
    CHECK(voltage() == Approx(voltage_v));
    CHECK(current() == Approx(current_a).margin(1e-4));
    CHECK(poller.measurement()->soc_pct.value() == Approx(soc_pct));
  }
  void set_u32(std::uint16_t address, std::uint32_t value) {
    bms.registers[address] = static_cast<std::uint16_t>(value >> 16U);
    bms.registers[static_cast<std::uint16_t>(address + 1)] = static_cast<std::uint16_t>(value);
  }
  /// With this in the register, the alarms told are exactly `expected`; without it, none.
  void tells(std::uint16_t address, std::uint16_t value, std::uint16_t expected) {
    bms.registers[address] = value;
    bms.run(2 * kSecond);
    INFO("register " << address << " = " << value);
    CHECK(poller.alarms() == expected);
    bms.registers[address] = 0;
    bms.run(2 * kSecond);
    CHECK(poller.alarms() == 0);
  }
};

std::uint16_t as_unsigned(int value) { return static_cast<std::uint16_t>(static_cast<std::int16_t>(value)); }

TEST_CASE("R2: Pace: values and their ends", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  const auto [raw, current_a] =
      GENERATE(std::pair{-12'34, -12.34}, std::pair{0, 0.0}, std::pair{300'00, 300.0}, std::pair{-300'00, -300.0});
  house.bms.registers = {{0, as_unsigned(raw)}, {1, 53'21}, {2, 87}};
  house.reads(53.21, current_a, 87.0);
  CHECK(house.line.baud_rate() == 9600);
  REQUIRE(house.bms.requested_at.size() == 2);
  CHECK(house.bms.requested_at[1] - house.bms.requested_at[0] > 100 * kMillisecond);
  CHECK(house.poller.alarms() == 0);
}

TEST_CASE("R2: Pace: the document's flags", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  house.bms.registers = {{0, 0}, {1, 5300}, {2, 50}, {9, 0}, {10, 0}, {11, 0}};
  house.reads(53.0, 0.0, 50.0);
  const std::uint16_t warning = 9;
  const std::uint16_t protection = 10;
  house.tells(warning, 1U << 0U, set_of({kCellOvervoltage}));
  house.tells(warning, 1U << 9U, set_of({kDischargeOvertemperature}));
  house.tells(warning, 1U << 10U, set_of({kChargeUndertemperature}));
  house.tells(warning, 1U << 14U, set_of({kMosfetOvertemperature}));
  house.tells(warning, 1U << 15U, 0);  // SOC low
  house.tells(protection, 1U << 3U, set_of({kPackUndervoltage}));
  house.tells(protection, 1U << 6U, set_of({kShortCircuit}));
  house.tells(protection, 1U << 12U, set_of({kMosfetOvertemperature}));
  house.tells(protection, 0x0F3F,
              set_of({kCellOvervoltage, kCellUndervoltage, kPackOvervoltage, kPackUndervoltage, kChargeOvercurrent,
                      kDischargeOvercurrent, kChargeOvertemperature, kDischargeOvertemperature, kChargeUndertemperature,
                      kDischargeUndertemperature}));
  house.tells(11, 0x0037, set_of({kInternal}));
  house.tells(11, 0xFF00, 0);  // states, no faults
}

TEST_CASE("R2: Seplos V3: values by function 4, alarms by coils", "[sensing][bms][profile]") {
  ProfileHouse house("seplos_v3");
  // The document's own example: 52.81 V, 0 A, 100 %.
  house.bms.registers = {{0x1000, 0x14A1}, {0x1001, 0}, {0x1005, 0x03E8}};
  house.reads(52.81, 0.0, 100.0);
  CHECK(house.line.baud_rate() == 19200);
  REQUIRE(house.line.sent.size() == 2);
  CHECK(house.line.sent[0][1] == 4);
  // The document's request for all coils, but for the unit.
  CHECK(std::vector(house.line.sent[1].begin(), house.line.sent[1].begin() + 6) ==
        std::vector<std::uint8_t>{0x01, 0x01, 0x12, 0x00, 0x00, 0x90});
  CHECK(house.poller.alarms() == 0);

  const auto [coil, expected] = GENERATE(table<std::uint16_t, std::uint16_t>({
      {0x1248, frames::bit(kCellOvervoltage)},
      {0x124B, frames::bit(kCellUndervoltage)},
      {0x124F, frames::bit(kPackUndervoltage)},
      {0x1250, frames::bit(kChargeOvertemperature)},
      {0x1257, frames::bit(kDischargeUndertemperature)},
      {0x1258, 0},  // environment
      {0x125D, frames::bit(kMosfetOvertemperature)},
      {0x1260, frames::bit(kChargeOvercurrent)},
      {0x1263, frames::bit(kDischargeOvercurrent)},
      {0x1266, frames::bit(kShortCircuit)},
      {0x1268, frames::bit(kShortCircuit)},
      {0x1274, frames::bit(kImbalance)},
      {0x1278, 0},  // a FET that conducts
      {0x1288, frames::bit(kInternal)},
      {0x128E, 0},  // key
  }));
  house.bms.coils = {{coil, true}};
  house.bms.registers[0x1001] = as_unsigned(-87'65);
  house.bms.run(2 * kSecond);
  INFO("coil " << coil);
  CHECK(house.poller.alarms() == expected);
  CHECK(house.current() == Approx(-87.65));
}

TEST_CASE("R2: Daly D2: slave 0xD2, a state that gives the sign", "[sensing][bms][profile]") {
  ProfileHouse house("daly_d2");
  house.bms.unit = 0xD2;
  house.bms.registers = {{0x28, 533}, {0x29, 30'123}, {0x2A, 864}, {0x2F, 1}};
  SECTION("charging, whichever side of 30000 the firmware counts on") {
    house.bms.registers[0x29] = GENERATE(std::uint16_t{30'123}, std::uint16_t{29'877});
    house.reads(53.3, 12.3, 86.4);
  }
  SECTION("discharging") {
    house.bms.registers[0x29] = GENERATE(std::uint16_t{30'123}, std::uint16_t{29'877});
    house.bms.registers[0x2F] = 2;
    house.reads(53.3, -12.3, 86.4);
  }
  SECTION("without a state the count decides") {
    house.bms.registers[0x2F] = 0;
    const auto [raw, current_a] = GENERATE(std::pair{30'000, 0.0}, std::pair{30'004, 0.4}, std::pair{29'996, -0.4});
    house.bms.registers[0x29] = static_cast<std::uint16_t>(raw);
    house.reads(53.3, current_a, 86.4);
  }
  SECTION("alarms") {
    house.reads(53.3, 12.3, 86.4);
    house.tells(0x3A, 1U << 1U, set_of({kCellOvervoltage}));
    house.tells(0x3A, 1U << 8U, set_of({kChargeOvertemperature}));
    house.tells(0x3A, 1U << 15U, set_of({kDischargeUndertemperature}));
    house.tells(0x3B, 1U << 2U, set_of({kDischargeOvercurrent}));
    house.tells(0x3B, 1U << 8U, set_of({kImbalance}));
    house.tells(0x3B, 0x0C00, 0);  // a sensor on ice: temperature difference
    house.tells(0x3C, 1U << 0U, set_of({kMosfetOvertemperature}));
    house.tells(0x3C, 1U << 8U, set_of({kInternal}));
    house.tells(0x3D, 1U << 2U, set_of({kShortCircuit}));
  }
}

TEST_CASE("R2: Daly 81: asked at 0x81 it answers as 0x51", "[sensing][bms][profile]") {
  ProfileHouse house("daly_p81");
  house.bms.unit = 0x81;
  house.bms.registers = {{0x38, 530}, {0x39, 29'911}, {0x3A, 864}, {0x48, 2}};
  SECTION("as a real device was heard") {
    house.bms.reply_unit = 0x51;
    house.reads(53.0, -8.9, 86.4);
    CHECK(house.line.sent[0][0] == 0x81);
    CHECK_FALSE(house.poller.alarms());
  }
  SECTION("an answer of anybody else is none") {
    house.bms.run(kOnePoll);
    CHECK_FALSE(house.poller.measurement());
  }
}

TEST_CASE("R2: JK PB: 32-bit numbers at byte offsets, each read alone", "[sensing][bms][profile]") {
  ProfileHouse house("jk_pb");
  house.bms.registers[0x12A6] = 0x0157;  // balancing, 87 %
  SECTION("values and their ends") {
    const auto [raw, current_a] = GENERATE(std::pair{-12'345, -12.345}, std::pair{0, 0.0}, std::pair{70'000, 70.0},
                                           std::pair{300'000, 300.0}, std::pair{-300'000, -300.0});
    house.set_u32(0x1290, 53'210);
    house.set_u32(0x1298, static_cast<std::uint32_t>(raw));
    house.reads(53.21, current_a, 87.0);
    CHECK(house.line.baud_rate() == 115200);
    REQUIRE(house.line.sent.size() == 4);
    CHECK(house.line.sent[0] == std::vector<std::uint8_t>{0x01, 0x03, 0x12, 0x90, 0x00, 0x02, 0xC1, 0x5E});
  }
  SECTION("a voltage above 65.535 V needs both words") {
    house.set_u32(0x1290, 66'000);
    house.set_u32(0x1298, 0);
    house.reads(66.0, 0.0, 87.0);
  }
  SECTION("alarms, bit 0 in the second register") {
    house.set_u32(0x1290, 53'000);
    house.set_u32(0x1298, 0);
    house.reads(53.0, 0.0, 87.0);
    house.tells(0x12A1, 1U << 1U, set_of({kMosfetOvertemperature}));
    house.tells(0x12A1, 1U << 4U, set_of({kCellOvervoltage}));
    house.tells(0x12A1, 1U << 15U, set_of({kDischargeOvertemperature}));
    house.tells(0x12A0, 1U << 0U, set_of({kInternal}));
    house.tells(0x12A0, 1U << 2U, 0);  // GPS
  }
}

TEST_CASE("R2: nonsense is silence in every profile", "[sensing][bms][profile]") {
  for (const BmsProfile& profile : kBmsProfiles) {
    ProfileHouse house(profile.name);
    house.bms.unit = static_cast<std::uint8_t>(profile.unit_base + 1);
    house.bms.reply_unit = static_cast<std::uint8_t>(profile.reply_unit_base + 1);
    INFO(profile.name);
    SECTION(std::string(profile.name) + ": all registers 0") { house.bms.run(12 * kSecond); }
    SECTION(std::string(profile.name) + ": all registers 0xFFFF") {
      for (std::uint32_t address = 0; address <= 0x1300; ++address) {
        house.bms.registers[static_cast<std::uint16_t>(address)] = 0xFFFF;
      }
      house.bms.run(12 * kSecond);
    }
    CHECK_FALSE(house.poller.measurement());
    CHECK_FALSE(house.poller.alarms());
  }
}

TEST_CASE("R2: alarms that cannot be read cost no measurement and end no alarm", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  house.bms.registers = {{0, 0}, {1, 5300}, {2, 50}, {9, 1}};
  SECTION("refused from the first on: nothing is told") {
    house.bms.refused = 9;
    for (int second = 0; second < 30; ++second) {
      house.bms.run(kSecond);
      REQUIRE(house.poller.measurement());
      CHECK_FALSE(house.poller.alarms());
      CHECK(house.bms.now - house.poller.measured_at() < 3 * kSecond);
    }
  }
  SECTION("refused later: the alarm stands, and so does everything else") {
    house.bms.run(kOnePoll);
    REQUIRE(house.poller.alarms() == set_of({kCellOvervoltage}));
    house.bms.refused = 9;
    house.bms.registers[9] = 0;
    house.bms.registers[1] = 5310;
    house.bms.run(20 * kSecond);
    CHECK(house.voltage() == Approx(53.1));
    CHECK(house.poller.alarms() == set_of({kCellOvervoltage}));
    house.bms.refused.reset();
    house.bms.run(2 * kSecond);
    CHECK(house.poller.alarms() == 0);
  }
  SECTION("with the BMS they are lost") {
    house.bms.run(kOnePoll);
    house.bms.mode = FakeBms::Mode::kSilent;
    house.bms.run(7 * kSecond);
    CHECK(house.poller.alarms() == set_of({kCellOvervoltage}));
    house.bms.run(3 * kSecond);
    CHECK_FALSE(house.poller.measurement());
    CHECK_FALSE(house.poller.alarms());
  }
}

TEST_CASE("R2: a silent alarm block leaves the values their pace", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  house.bms.registers = {{0, 0}, {1, 5300}, {2, 50}};
  house.bms.unheard = 9;
  Micros oldest = 0;
  house.bms.run(kSecond);
  for (int i = 0; i < 600; ++i) {
    house.bms.run(100 * kMillisecond);
    REQUIRE(house.poller.measurement());
    oldest = std::max(oldest, house.bms.now - house.poller.measured_at());
  }
  CHECK(oldest < 2'500 * kMillisecond);
}

TEST_CASE("R2: a BMS that is known to be slow gets its time", "[sensing][bms][profile]") {
  // 200 ms by Pace's document, 400 ms as others measured at a Daly; 100 ms for all others.
  const auto [name, latency] =
      GENERATE(std::pair{"pace", 190 * kMillisecond}, std::pair{"daly_p81", 390 * kMillisecond},
               std::pair{"generic", 95 * kMillisecond});
  ProfileHouse house(name);
  const BmsProfile& profile = kBmsProfiles[profile_index(name)];
  house.bms.unit = static_cast<std::uint8_t>(profile.unit_base + 1);
  house.bms.reply_unit = static_cast<std::uint8_t>(profile.reply_unit_base + 1);
  house.bms.latency = latency;
  // Everything that one of the three maps asks for.
  house.bms.registers = {{0, 530}, {1, 5300}, {2, 50}, {0x38, 530}, {0x39, 30'000}, {0x3A, 500}};
  house.bms.run(kOnePoll);
  CHECK(house.poller.measurement());
  for (std::size_t i = 1; i < house.line.sent.size(); ++i) CHECK(house.line.sent[i] != house.line.sent[i - 1]);
}

TEST_CASE("R2: another profile starts anew at the next poll", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  house.bms.registers = {{0, 0}, {1, 6500}, {2, 50}, {9, 1}};
  house.bms.run(kOnePoll);
  REQUIRE(house.voltage() == Approx(65.0));
  REQUIRE(house.poller.alarms() == set_of({kCellOvervoltage}));
  // By the generic map the same registers mean something else: 42.0 V would be a jump beyond physics.
  house.bms.registers = {{0, 420}, {1, 0}};
  REQUIRE(house.parameters.set(Parameter::kBmsProfile, 0));
  house.bms.run(200 * kMillisecond);
  CHECK(house.voltage() == Approx(42.0));
  CHECK_FALSE(house.poller.alarms());
  CHECK(house.bms.requested_at.size() == 3);

  SECTION("so does another address") {
    house.bms.unit = 2;
    house.bms.registers[0] = 650;
    REQUIRE(house.parameters.set(Parameter::kBmsAddress, 2));
    house.bms.run(2 * kSecond);
    CHECK(house.voltage() == Approx(65.0));
  }
}

TEST_CASE("R2: a new BMS without an answer keeps the old values no longer than any other", "[sensing][bms][profile]") {
  ProfileHouse house("pace");
  house.bms.registers = {{0, 0}, {1, 5300}, {2, 50}, {9, 1}};
  house.bms.run(kOnePoll);
  REQUIRE(house.parameters.set(Parameter::kBmsProfile, static_cast<std::int32_t>(profile_index("daly_d2"))));
  house.bms.run(7 * kSecond);
  CHECK(house.voltage() == Approx(53.0));
  CHECK(house.poller.alarms() == set_of({kCellOvervoltage}));
  house.bms.run(3 * kSecond);
  CHECK_FALSE(house.poller.measurement());
  CHECK_FALSE(house.poller.alarms());
}

}  // namespace
}  // namespace alfaspark::sensing_test
