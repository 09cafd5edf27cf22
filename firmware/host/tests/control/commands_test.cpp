// Protocol, COMMAND: what a host may ask, what is answered, and that a repetition never acts again.
#include "alfaspark/control/commands.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

using frames::Reason;
using frames::Relay;
using frames::Result;
using Request = Commands::Request;
namespace commands = frames::commands;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t kBootId = 0xB007;

/// A bus without peers, a line without a BMS.
class Loner final : public CanPort, public SystemPort, public SerialPort {
 public:
  bool transmit(const CanFrame&, bool) override { return true; }
  bool abort() override { return true; }
  void recover() override {}
  std::uint32_t random() override { return 4; }
  void restart() override {}
  void set_baud_rate(std::uint32_t) override {}
  bool write(std::span<const std::uint8_t>) override { return true; }
};

struct Bench {
  Identity identity{.serial = 0xA0B1C2D3E4F5, .device_type = frames::DeviceType::kEnergyPack, .firmware = {}};
  Parameters parameters;
  ModeSettings modes;
  RelayBoard board;
  Lights lights;
  Loner loner;
  BusNode bus{identity, loner, loner};
  Sensing sensing{hardware(), loner, parameters};
  RelayControl relays{board, parameters, modes};
  Indicators indicators{lights};
  Clock clock;
  Flash flash;
  GridLossLog grid_losses{flash};
  Commands commands{{.identity = identity,
                     .bus = bus,
                     .sensing = sensing,
                     .clock = clock,
                     .relays = relays,
                     .parameters = parameters,
                     .modes = modes,
                     .indicators = indicators,
                     .grid_losses = grid_losses}};
  Readings readings;
  std::optional<float> soc_pct = 70.0F;
  std::optional<std::int64_t> local_s;
  Micros now = 100 * kSecond;
  std::uint8_t sequence = 0;

  Bench() {
    bus.start(0, kBootId, 42);
    relays.start(0, {});
  }

  static Hardware hardware() {
    Hardware hardware;
    hardware.amperes_per_count.fill(0.025F);
    return hardware;
  }
  /// Lets the relays follow the modes.
  void tick() {
    readings.powers.grid_w = 0.0F;
    readings.battery = {.voltage_v = 53.0F, .current_a = 0.0F, .soc_pct = soc_pct, .online = true};
    relays.tick(now, {.readings = readings, .bms_lost = false, .local_s = local_s, .clock_unknown = false});
  }
  /// A sine of this RMS on one channel, 0 on the others, for a second.
  void feed_current(std::size_t channel, double rms_a) {
    for (int block = 0; block < 200; ++block) {
      now += 5 * kMillisecond;
      std::array<std::array<std::uint16_t, 10>, kCurrentChannels> counts{};
      SampleBlock samples;
      samples.sample_rate_hz = 2000.0F;
      for (std::size_t i = 0; i < kCurrentChannels; ++i) {
        for (std::size_t k = 0; k < 10; ++k) {
          const double at_s = static_cast<double>(block * 10 + static_cast<int>(k)) / 2000.0;
          const double amplitude = i == channel ? rms_a * std::numbers::sqrt2 / 0.025 : 0.0;
          counts[i][k] = static_cast<std::uint16_t>(std::lround(
              std::clamp(2048.0 + amplitude * std::sin(2.0 * std::numbers::pi * 50.0 * at_s), 0.0, 4095.0)));
        }
        samples.channels[i] = counts[i];
      }
      sensing.on_samples(now, samples);
      sensing.tick(now, 0x0F);
    }
  }

  Commands::Outcome run(const Bytes& bytes, bool to_all = false) { return commands.execute(now, bytes, to_all); }
  template <typename C>
  Bytes bytes_of(const C& command) {
    const auto payload = command.encode(sequence++);
    return {payload.begin(), payload.begin() + C::kLength};
  }
  template <typename C>
  frames::Response ask(const C& command, bool to_all = false) {
    return run(bytes_of(command), to_all).response.value();
  }
};

}  // namespace

TEST_CASE("SET_RELAY moves the relay and says so with command and sequence") {
  Bench bench;
  bench.sequence = 77;
  const auto response = bench.ask(commands::SetRelay{.relay = Relay::kLoad2, .closed = false});
  CHECK(response.command == 0x11);
  CHECK(response.sequence == 77);
  CHECK(response.result == Result::kAccepted);
  CHECK(bench.relays.closed() == 0b0111);
  CHECK(bench.relays.reason(Relay::kLoad2) == Reason::kManual);
  CHECK(bench.relays.reason(Relay::kGrid) == Reason::kStartUp);
  CHECK(bench.run(bench.bytes_of(commands::SetRelay{.relay = Relay::kGrid, .closed = false})).setting_accepted);
}

TEST_CASE("A relay moved by hand is busy for 2 s, with the reason minimum time; the others are not") {
  Bench bench;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, false}).result == Result::kAccepted);
  bench.now += 2 * kSecond - 1;
  const auto busy = bench.ask(commands::SetRelay{Relay::kGrid, true});
  CHECK(busy.result == Result::kBusy);
  CHECK(busy.detail == 12);
  CHECK(bench.relays.closed() == 0b1110);
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, false}).result == Result::kAccepted);  // it is there already
  CHECK(bench.ask(commands::SetRelay{Relay::kLoad1, false}).result == Result::kAccepted);
  bench.now += 1;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, true}).result == Result::kAccepted);
  CHECK(bench.relays.closed() == 0b1011);
}

TEST_CASE("The minimum time between movements by hand is a parameter") {
  Bench bench;
  REQUIRE(bench.parameters.set(Parameter::kRelayMinManualTime, 10));
  bench.ask(commands::SetRelay{Relay::kGrid, false});
  bench.now += 9 * kSecond;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, true}).result == Result::kBusy);
  bench.now += kSecond;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, true}).result == Result::kAccepted);
}

TEST_CASE("To all packs a relay may be opened, never closed") {
  Bench bench;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, false}, true).result == Result::kAccepted);
  CHECK(bench.relays.closed() == 0b1110);
  bench.now += 5 * kSecond;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, true}, true).result == Result::kNotAllowedToAll);
  CHECK(bench.relays.closed() == 0b1110);
}

TEST_CASE("GET_PARAMETER answers every parameter in two's complement") {
  Bench bench;
  for (std::size_t index = 0; index < kParameters.size(); ++index) {
    const auto response = bench.ask(commands::GetParameter{static_cast<std::uint8_t>(index)}, true);
    CHECK(response.result == Result::kAccepted);
    CHECK(static_cast<std::int32_t>(response.value) == kParameters[index].default_value);
  }
  CHECK(bench.ask(commands::GetParameter{32}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::GetParameter{255}).result == Result::kOutOfRange);
}

TEST_CASE("IDENTIFY lets bar and LEDs blink for its seconds") {
  Bench bench;
  CHECK(bench.ask(commands::Identify{.seconds = 3}, true).result == Result::kAccepted);
  const Indicators::State state{.soc_pct = 50.0F};
  int changes = 0;
  for (Micros end = bench.now + 10 * kSecond; bench.now < end; bench.now += 5 * kMillisecond) {
    const bool was_red = bench.lights.shown.red;
    bench.indicators.tick(bench.now, state);
    changes += was_red != bench.lights.shown.red ? 1 : 0;
  }
  CHECK(changes == 12);  // on and off, twice a second, 3 s long
}

TEST_CASE("WHO asks for CLAIM and ANNOUNCE and has no RESPONSE") {
  Bench bench;
  const auto outcome = bench.run({0x01, 5}, true);
  CHECK(outcome.request == Request::kAnswerWho);
  CHECK_FALSE(outcome.response);
  CHECK(bench.run({0x01, 5}).request == Request::kAnswerWho);  // again: the first answer may be lost
  CHECK(bench.run({0x01, 5, 0}).request == Request::kNone);
}

TEST_CASE("SET_TIME sets a clock that runs free; impossible times are counted, none has a RESPONSE") {
  Bench bench;
  CHECK_FALSE(bench.clock.is_valid());
  CHECK_FALSE(bench.clock.unix_s(bench.now));
  const auto set = [&](std::uint32_t unix_s, int offset_min) {
    const auto outcome =
        bench.run(bench.bytes_of(commands::SetTime{unix_s, static_cast<std::int16_t>(offset_min)}), true);
    CHECK_FALSE(outcome.response);
  };
  set(1'735'689'599, 0);  // 2024-12-31 23:59:59
  set(4'102'444'800, 0);  // 2100
  set(1'800'000'000, -721);
  set(1'800'000'000, 841);
  bench.run({0x02, 1, 2, 3});
  CHECK_FALSE(bench.clock.is_valid());
  CHECK(bench.clock.invalid_times() == 5);

  set(1'735'689'600, -720);
  CHECK(bench.clock.unix_s(bench.now) == 1'735'689'600);
  CHECK(bench.clock.utc_offset_min() == -720);
  set(4'102'444'799, 840);
  CHECK(bench.clock.utc_offset_min() == 840);
  bench.now += 86'400 * kSecond + 999 * kMillisecond;
  CHECK(bench.clock.unix_s(bench.now) == 4'102'444'799 + 86'400);
  set(5, 0);
  CHECK(bench.clock.unix_s(bench.now) == 4'102'444'799 + 86'400);  // kept
}

TEST_CASE("Unknown commands, wrong lengths, values out of range") {
  Bench bench;
  const auto result = [&](const Bytes& bytes, bool to_all = false) {
    const auto outcome = bench.run(bytes, to_all);
    CHECK_FALSE(outcome.setting_accepted);
    CHECK(outcome.response.value().command == bytes[0]);
    CHECK(outcome.response.value().sequence == bytes[1]);
    return outcome.response.value().result;
  };
  CHECK(result({0x00, 1}) == Result::kUnknownCommand);
  CHECK(result({0x26, 2}) == Result::kUnknownCommand);
  CHECK(result({0xFF, 3, 0, 0, 0, 0, 0, 0}) == Result::kUnknownCommand);
  CHECK(result({0x11, 4}) == Result::kBadLength);
  CHECK(result({0x11, 5, 0}) == Result::kBadLength);
  CHECK(result({0x11, 6, 0, 0, 0}) == Result::kBadLength);
  CHECK(result({0x11, 7, 4, 0}) == Result::kOutOfRange);
  CHECK(result({0x11, 8, 0, 2}) == Result::kOutOfRange);
  CHECK(result({0x13, 9}) == Result::kBadLength);
  CHECK(result({0x22, 10}) == Result::kBadLength);
  CHECK(result({0x10, 11, 5, 1}) == Result::kOutOfRange);
  CHECK(result({0x10, 12, 0, 2}) == Result::kOutOfRange);
  CHECK(result({0x15, 13, 8}) == Result::kOutOfRange);
  CHECK(bench.relays.closed() == 0x0F);
}

TEST_CASE("Each command has one length, and may or may not be sent to all") {
  struct Row {
    std::uint8_t command;
    std::size_t length;
    bool is_for_one;
  };
  const auto row = GENERATE(Row{0x10, 4, false}, Row{0x11, 4, false}, Row{0x12, 8, false}, Row{0x13, 3, false},
                            Row{0x14, 8, false}, Row{0x15, 3, false}, Row{0x20, 8, true}, Row{0x21, 2, true},
                            Row{0x22, 3, false}, Row{0x23, 2, true}, Row{0x24, 6, true}, Row{0x25, 7, true});
  Bench bench;
  std::uint8_t sequence = 20;
  const auto result = [&](std::size_t length, bool to_all) {
    Bytes bytes(length);
    bytes[0] = row.command;
    bytes[1] = sequence++;
    return bench.run(bytes, to_all).response.value().result;
  };
  for (std::size_t length = 2; length <= 8; ++length) {
    INFO("command " << int{row.command} << " length " << length);
    CHECK((result(length, false) == Result::kBadLength) == (length != row.length));
  }
  CHECK((result(row.length, true) == Result::kNotAllowedToAll) == row.is_for_one);
}

TEST_CASE("A gateway refuses what it has not: relays, modes, windows, import, CTs") {
  Bench bench;
  bench.identity.device_type = frames::DeviceType::kEnergyGateway;
  CHECK(bench.ask(commands::SetRelay{Relay::kGrid, false}).result == Result::kNotSupported);
  CHECK(bench.ask(commands::SetMode{frames::Mode::kEco, true}).result == Result::kNotSupported);
  CHECK(bench.ask(commands::GetWindow{0}).result == Result::kNotSupported);
  CHECK(bench.ask(commands::ResetImport{}).result == Result::kNotSupported);
  CHECK(bench.ask(commands::Calibrate{Relay::kGrid, 1000}).result == Result::kNotSupported);
  CHECK(bench.ask(commands::Identify{1}).result == Result::kAccepted);
  CHECK(bench.ask(commands::Restart{}).result == Result::kAccepted);
}

TEST_CASE("SET_MODE switches the mode, and is a setting") {
  Bench bench;
  const auto outcome = bench.run(bench.bytes_of(commands::SetMode{frames::Mode::kSelfConsumption, true}), true);
  CHECK(outcome.response.value().result == Result::kAccepted);
  CHECK(outcome.setting_accepted);
  CHECK(bench.modes.modes == 0b1);
  bench.ask(commands::SetMode{frames::Mode::kImportLimit, true});
  CHECK(bench.modes.modes == 0b10001);
  bench.ask(commands::SetMode{frames::Mode::kSelfConsumption, false});
  CHECK(bench.modes.modes == 0b10000);
}

TEST_CASE("What closes because of a SET_MODE to all waits node mod 16 x 250 ms") {
  Bench bench;
  bench.bus.start(0, kBootId, 42);
  for (Micros at = 0; at < kSecond; at += 5 * kMillisecond) {
    bench.bus.tick(at, 0);
    bench.bus.on_transmitted(at, true);
  }
  REQUIRE(bench.bus.node() == 42);
  bench.tick();
  bench.ask(commands::SetRelay{Relay::kGrid, false});
  bench.now += 5 * kSecond;
  bench.ask(commands::SetMode{frames::Mode::kBackup, true}, true);
  const auto asked_at = bench.now;
  constexpr Micros kWait = 42 % 16 * 250 * kMillisecond;
  bench.now = asked_at + kWait - 1;
  bench.tick();
  CHECK(bench.relays.closed() == 0b1110);
  CHECK(bench.relays.reason(Relay::kGrid) == Reason::kMinimumTime);
  bench.now = asked_at + kWait;
  bench.tick();
  CHECK(bench.relays.closed() == 0b1111);
  CHECK(bench.relays.reason(Relay::kGrid) == Reason::kBackup);
}

TEST_CASE("SET_RELAY is refused with the reason of the mode that owns the relay, never dropped") {
  Bench bench;
  bench.ask(commands::SetMode{frames::Mode::kSelfConsumption, true});
  bench.tick();
  CHECK(bench.relays.closed() == 0b1110);
  const auto refused = bench.ask(commands::SetRelay{Relay::kGrid, true});
  CHECK(refused.result == Result::kRefused);
  CHECK(refused.detail == static_cast<int>(Reason::kSelfConsumptionCharged));
  CHECK(bench.relays.closed() == 0b1110);
  CHECK(bench.ask(commands::SetRelay{Relay::kLoad1, false}).result == Result::kAccepted);
}

TEST_CASE("SET_PARAMETER keeps ranges and orders") {
  Bench bench;
  const auto set = [&](Parameter parameter, std::int32_t value) {
    return bench.ask(commands::SetParameter{static_cast<std::uint8_t>(parameter), value}, true);
  };
  CHECK(set(Parameter::kEcoLimit, 99).result == Result::kOutOfRange);
  CHECK(set(Parameter::kEcoLimit, 32001).result == Result::kOutOfRange);
  const auto accepted = set(Parameter::kEcoLimit, 2500);
  CHECK(accepted.result == Result::kAccepted);
  CHECK(accepted.value == 2500);
  CHECK(bench.parameters.get(Parameter::kEcoLimit) == 2500);
  CHECK(set(Parameter::kSocGridConnect, 451).result == Result::kOutOfRange);  // 50 % - 5 %
  CHECK(set(Parameter::kSocGridConnect, 450).result == Result::kAccepted);
  CHECK(set(Parameter::kSocGridDisconnect, 499).result == Result::kOutOfRange);
  CHECK(set(Parameter::kSocEmpty, 61401).result == Result::kOutOfRange);
  CHECK(set(Parameter::kSocFull, 47400).result == Result::kAccepted);
  CHECK(bench.ask(commands::SetParameter{32, 0}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::SetParameter{255, 0}).result == Result::kOutOfRange);
  CHECK(bench.run(bench.bytes_of(commands::SetParameter{2, 3000})).setting_accepted);
}

TEST_CASE("SET_WINDOW and GET_WINDOW: each of the eight, cleared by an empty one") {
  Bench bench;
  const auto get = [&](int slot) { return bench.ask(commands::GetWindow{static_cast<std::uint8_t>(slot)}).value; };
  for (std::uint8_t slot = 0; slot < 8; ++slot) {
    CHECK(get(slot) == 0);
    CHECK(bench.ask(commands::SetWindow{slot, 1380, 360, 0x41}, true).result == Result::kAccepted);
    CHECK(get(slot) == (1380U | 360U << 12U | 0x41U << 24U));
  }
  CHECK(bench.modes.windows[3] == Window{1380, 360, 0x41});
  CHECK(bench.ask(commands::SetWindow{3, 600, 600, 0x7F}).result == Result::kAccepted);
  CHECK(get(3) == 0);
  CHECK(bench.ask(commands::SetWindow{4, 600, 700, 0}).result == Result::kAccepted);
  CHECK_FALSE(bench.modes.windows[4]);
  CHECK(bench.ask(commands::SetWindow{5, 0, 1440, 0x7F}).result == Result::kAccepted);
  CHECK(bench.ask(commands::SetWindow{8, 0, 1, 1}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::SetWindow{0, 1440, 1, 1}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::SetWindow{0, 0, 1441, 1}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::SetWindow{0, 10, 0, 1}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::SetWindow{0, 0, 1, 0x80}).result == Result::kOutOfRange);
}

TEST_CASE("RESTORE_IMPORT: this boot and today only, and not without a clock") {
  Bench bench;
  const commands::RestoreImport restore{.before_boot_kwh = 2.5F, .import_day = 20000, .boot_id = kBootId};
  const auto busy = bench.ask(restore);
  CHECK(busy.result == Result::kBusy);
  CHECK(busy.detail == static_cast<int>(Reason::kClockUnknown));
  bench.local_s = 20000 * std::int64_t{86400} + 12 * 3600;
  bench.tick();
  CHECK(bench.ask(commands::RestoreImport{2.5F, 19999, kBootId}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::RestoreImport{2.5F, 20000, kBootId + 1}).result == Result::kOutOfRange);
  CHECK(bench.ask(restore).result == Result::kAccepted);
  CHECK(bench.relays.import_today_kwh() == 2.5F);
  CHECK(bench.ask(restore).result == Result::kAccepted);
  CHECK(bench.relays.import_today_kwh() == 2.5F);  // said twice, not counted twice
  CHECK(bench.ask(commands::ResetImport{}).result == Result::kAccepted);
  CHECK(bench.relays.import_today_kwh() == 0.0F);
  CHECK(bench.ask(restore).result == Result::kOutOfRange);  // it was from before the reset
}

TEST_CASE("RESTART and FACTORY_RESET are left to the pack, once") {
  Bench bench;
  const Bytes restart{0x23, 1};
  CHECK(bench.run(restart).request == Request::kRestart);
  CHECK(bench.run(restart).request == Request::kNone);  // repeated: answered again only
  CHECK(bench.run({0x24, 2, 0xBA, 0xA5, 0x1F, 0x0B}).response.value().result == Result::kOutOfRange);
  const auto reset = bench.run({0x24, 3, 0xBA, 0xA5, 0x1F, 0x0A});
  CHECK(reset.response.value().result == Result::kAccepted);
  CHECK(reset.request == Request::kFactoryReset);
}

TEST_CASE("CALIBRATE sets the gain that makes the channel read the reference") {
  Bench bench;
  CHECK(bench.ask(commands::Calibrate{Relay::kLoad1, 8000}).result == Result::kBusy);  // nothing measured yet
  bench.feed_current(2, 10.0);
  CHECK(bench.ask(commands::Calibrate{Relay::kLoad2, 8000}).result == Result::kOutOfRange);  // nothing flows there
  CHECK(bench.ask(commands::Calibrate{Relay::kLoad1, 0}).result == Result::kOutOfRange);
  CHECK(bench.ask(commands::Calibrate{Relay::kLoad1, 0xFFFFFFFF}).result == Result::kOutOfRange);
  const auto response = bench.ask(commands::Calibrate{Relay::kLoad1, 8000});
  CHECK(response.result == Result::kAccepted);
  CHECK(response.value == static_cast<std::uint32_t>(bench.parameters.get(Parameter::kCtGainLoad1)));
  bench.feed_current(2, 10.0);
  CHECK(bench.sensing.readings().currents_a[2].value() == Approx(8.0).epsilon(0.001));
  bench.ask(commands::Calibrate{Relay::kLoad1, 12000});  // a second calibration does not build on the first
  bench.feed_current(2, 10.0);
  CHECK(bench.sensing.readings().currents_a[2].value() == Approx(12.0).epsilon(0.001));
}

TEST_CASE("Under two bytes there is nothing to answer") {
  Bench bench;
  for (const auto& bytes : {Bytes{}, Bytes{0x11}, Bytes{0x01}}) {
    const auto outcome = bench.run(bytes);
    CHECK_FALSE(outcome.response);
    CHECK(outcome.request == Request::kNone);
  }
}

TEST_CASE("The same bytes within 2 s are answered again without acting again") {
  Bench bench;
  const Bytes open_grid{0x11, 9, 0, 0};
  CHECK(bench.run(open_grid).response.value().result == Result::kAccepted);
  CHECK(bench.board.movements == 4 + 1);  // all closed at start
  bench.board.positions[0] = true;        // were it to act again, it would show
  bench.now += 2 * kSecond - 1;
  const auto again = bench.run(open_grid);
  CHECK(again.response.value().result == Result::kAccepted);
  CHECK_FALSE(again.setting_accepted);
  CHECK(bench.board.movements == 5);
  bench.now += 1;
  CHECK(bench.run(open_grid).response.value().result == Result::kAccepted);
  CHECK(bench.board.movements == 6);
}

TEST_CASE("A refused command stays refused when it is repeated, a new sequence is a new command") {
  Bench bench;
  bench.run({0x11, 1, 0, 0});
  bench.now += 1500 * kMillisecond;
  CHECK(bench.run({0x11, 2, 0, 1}).response.value().result == Result::kBusy);
  bench.now += kSecond;
  CHECK(bench.run({0x11, 2, 0, 1}).response.value().result == Result::kBusy);
  CHECK(bench.run({0x11, 3, 0, 1}).response.value().result == Result::kAccepted);
}

TEST_CASE("A repeated SET_TIME does not set the clock back, a broadcast repeated to one node is the same command") {
  Bench bench;
  const auto set_time = bench.bytes_of(commands::SetTime{1'800'000'000, 60});
  bench.run(set_time, true);
  bench.now += 1500 * kMillisecond;
  bench.run(set_time, false);
  CHECK(bench.clock.unix_s(bench.now) == 1'800'000'001);
}

TEST_CASE("Sixteen commands in two seconds are remembered") {
  Bench bench;
  for (std::uint8_t i = 0; i < 16; ++i) bench.run({0x22, i, 0});
  bench.run({0x11, 100, 1, 0});
  for (std::uint8_t i = 0; i < 15; ++i) bench.run({0x22, static_cast<std::uint8_t>(200 + i), 0});
  bench.board.positions[1] = true;
  CHECK(bench.run({0x11, 100, 1, 0}).response.value().result == Result::kAccepted);
  CHECK(bench.board.positions[1]);
}

}  // namespace alfaspark::control_test
