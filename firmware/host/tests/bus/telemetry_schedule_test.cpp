// Protocol: the 2 s set at its phase, ENERGY and PULSE every 10 s, STATUS at once with its limit.
#include "alfaspark/bus/telemetry_schedule.hpp"

#include <map>
#include <vector>

#include "alfaspark/bus/status_trigger.hpp"
#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {
constexpr Micros kTick = 5 * kMillisecond;
}

TEST_CASE("The set comes every 2 s at node x 2000/126 ms of the own clock, whenever the number was got") {
  for (int node = 1; node <= 126; ++node) {
    TelemetrySchedule schedule;
    const Micros got_at = 260 * kMillisecond;
    schedule.start(got_at, static_cast<std::uint8_t>(node));
    Micros expected = node * 2'000'000LL / 126;
    if (expected < got_at) expected += 2 * kSecond;
    for (Micros now = got_at; now < 20 * kSecond; now += kTick) {
      if (!schedule.take_set(now)) continue;
      REQUIRE(now >= expected);
      REQUIRE(now < expected + kTick);
      expected += 2 * kSecond;
    }
    REQUIRE(expected >= 20 * kSecond);
  }
}

TEST_CASE("A set that was missed is not made up for") {
  TelemetrySchedule schedule;
  schedule.start(0, 63);  // phase 1 s
  CHECK(schedule.take_set(kSecond));
  CHECK(schedule.take_set(8 * kSecond));
  CHECK_FALSE(schedule.take_set(8 * kSecond + kTick));
  CHECK(schedule.take_set(9 * kSecond));
}

TEST_CASE("Each energy counter comes every 10 s, the seven spread evenly") {
  TelemetrySchedule schedule;
  schedule.start(0, 1);
  std::map<frames::EnergyCounter, std::vector<Micros>> sent;
  std::vector<Micros> all;
  for (Micros now = 0; now < 40 * kSecond; now += kTick) {
    while (const auto counter = schedule.take_energy(now)) {
      sent[*counter].push_back(now);
      all.push_back(now);
    }
  }
  CHECK(sent.size() == 7);
  for (const auto& [counter, times] : sent) {
    REQUIRE(times.size() == 4);
    for (std::size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == 10 * kSecond);
  }
  for (std::size_t i = 1; i < all.size(); ++i) {
    CHECK(all[i] - all[i - 1] > 1420 * kMillisecond);
    CHECK(all[i] - all[i - 1] < 1440 * kMillisecond);
  }
}

TEST_CASE("PULSE comes every 10 s, and on a pulse, at most every 200 ms") {
  TelemetrySchedule schedule;
  schedule.start(0, 1);
  std::uint32_t count = 0;
  std::vector<Micros> idle;
  for (Micros now = 0; now < 40 * kSecond; now += kTick) {
    if (schedule.take_pulse(now, 0, count)) idle.push_back(now);
  }
  REQUIRE(idle.size() == 4);
  for (std::size_t i = 1; i < idle.size(); ++i) CHECK(idle[i] - idle[i - 1] == 10 * kSecond);

  const Micros start = 41 * kSecond;
  CHECK(schedule.take_pulse(start, 0, ++count));  // at once
  CHECK_FALSE(schedule.take_pulse(start + kTick, 0, count));
  CHECK_FALSE(schedule.take_pulse(start + 100 * kMillisecond, 0, ++count));
  CHECK_FALSE(schedule.take_pulse(start + 195 * kMillisecond, 0, ++count));
  CHECK(schedule.take_pulse(start + 200 * kMillisecond, 0, count));
  CHECK_FALSE(schedule.take_pulse(start + 500 * kMillisecond, 0, count));
  CHECK(schedule.take_pulse(start + 500 * kMillisecond, 1, 0));  // the other channel is its own: its 10 s are over
  CHECK_FALSE(schedule.take_pulse(start + 600 * kMillisecond, 1, 0));
}

TEST_CASE("A changed STATUS is due at once, three in a row, then five a second") {
  StatusTrigger trigger;
  frames::Status status{.relays = 0x0F, .grid = frames::GridState::kPresent};
  CHECK(trigger.take_due(kSecond, status));
  trigger.on_sent(status);
  CHECK_FALSE(trigger.take_due(2 * kSecond, status));

  std::vector<Micros> sent;
  for (Micros now = 3 * kSecond; now < 5 * kSecond; now += kTick) {
    status.relays = (status.relays + 1U) & 0x0FU;  // another state with every tick
    if (!trigger.take_due(now, status)) continue;
    trigger.on_sent(status);
    sent.push_back(now - 3 * kSecond);
  }
  REQUIRE(sent.size() == 3 + 9);
  CHECK(sent[0] == 0);
  CHECK(sent[1] == kTick);
  CHECK(sent[2] == 2 * kTick);
  for (std::size_t i = 4; i < sent.size(); ++i) CHECK(sent[i] - sent[i - 1] == 200 * kMillisecond);
}

TEST_CASE("The last state of a flutter is sent when the limit allows it") {
  StatusTrigger trigger;
  frames::Status status{};
  Micros now = kSecond;
  for (std::uint8_t relays = 1; relays <= 3; ++relays, now += kTick) {
    status.relays = relays;
    REQUIRE(trigger.take_due(now, status));
    trigger.on_sent(status);
  }
  status.relays = 9;
  CHECK_FALSE(trigger.take_due(now, status));
  CHECK(trigger.take_due(now + 200 * kMillisecond, status));
}

TEST_CASE("A change of the grid is always sent at once, a change of the import never") {
  StatusTrigger trigger;
  frames::Status status{};
  for (int i = 0; i < 20; ++i) {
    status.grid = status.grid == frames::GridState::kPresent ? frames::GridState::kAbsent : frames::GridState::kPresent;
    REQUIRE(trigger.take_due(kSecond + i * kTick, status));
    trigger.on_sent(status);
  }
  status.grid_import_today_kwh = 1.5F;
  CHECK_FALSE(trigger.take_due(10 * kSecond, status));
}

}  // namespace alfaspark::bus_test
