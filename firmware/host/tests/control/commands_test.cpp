// Protocol, COMMAND: what a host may ask, what is answered, and that a repetition never acts again.
#include "alfaspark/control/commands.hpp"

#include <vector>

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

using frames::Reason;
using frames::Relay;
using frames::Result;
namespace commands = frames::commands;
using Bytes = std::vector<std::uint8_t>;

struct Bench {
  Parameters parameters;
  RelayBoard board;
  Lights lights;
  Relays relays{board, parameters};
  Indicators indicators{lights};
  Clock clock;
  Commands commands{clock, relays, parameters, indicators};
  Micros now = 100 * kSecond;
  std::uint8_t sequence = 0;

  Bench() { relays.start(std::nullopt); }

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
  CHECK(outcome.is_who);
  CHECK_FALSE(outcome.response);
  CHECK(bench.run({0x01, 5}).is_who);  // again: the first answer may be lost
  CHECK_FALSE(bench.run({0x01, 5, 0}).is_who);
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

TEST_CASE("Unknown commands, wrong lengths, values out of range, and what this firmware does not carry") {
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
  const std::vector<Bytes> lengths_of_the_rest = {{0x10, 4}, {0x12, 8}, {0x14, 8}, {0x15, 3}, {0x20, 8},
                                                  {0x21, 2}, {0x23, 2}, {0x24, 6}, {0x25, 7}};
  for (const auto& entry : lengths_of_the_rest) {
    Bytes bytes(entry[1]);
    bytes[0] = entry[0];
    bytes[1] = 20;
    INFO("command " << int{entry[0]});
    CHECK(result(bytes) == Result::kNotSupported);
    const bool is_for_one = entry[0] >= 0x20;
    bytes[1] = 21;
    CHECK(result(bytes, true) == (is_for_one ? Result::kNotAllowedToAll : Result::kNotSupported));
    bytes.push_back(0);
    if (bytes.size() <= 8) CHECK(result(bytes) == Result::kBadLength);
  }
  CHECK(bench.relays.closed() == 0x0F);
}

TEST_CASE("Under two bytes there is nothing to answer") {
  Bench bench;
  for (const auto& bytes : {Bytes{}, Bytes{0x11}, Bytes{0x01}}) {
    const auto outcome = bench.run(bytes);
    CHECK_FALSE(outcome.response);
    CHECK_FALSE(outcome.is_who);
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
