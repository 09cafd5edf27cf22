// Requirement R5: a node that went bus-off comes back by itself, with back-off, for ever.
#include "alfaspark/bus/bus_off_recovery.hpp"

#include <vector>

#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {

/// The time until the next attempt, in ms.
Micros wait_ms(BusOffRecovery& recovery, Micros& now) {
  const auto start = now;
  while (!recovery.take_attempt(now)) now += kMillisecond;
  return (now - start) / kMillisecond;
}

}  // namespace

TEST_CASE("Attempts that do not end in recovery are repeated, each after twice the time, at last every 10 s") {
  BusOffRecovery recovery;
  Micros now = 0;
  CHECK_FALSE(recovery.take_attempt(now));
  recovery.on_bus_off(now);
  CHECK(recovery.is_bus_off());
  std::vector<Micros> waits;
  for (int i = 0; i < 10; ++i) waits.push_back(wait_ms(recovery, now));
  CHECK(waits == std::vector<Micros>{100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000, 10'000});
  recovery.on_recovered(now);
  CHECK_FALSE(recovery.is_bus_off());
  CHECK_FALSE(recovery.take_attempt(now + 100 * kSecond));
}

TEST_CASE("A bus-off soon after the last one waits longer, one after 30 s on the bus is a new story") {
  BusOffRecovery recovery;
  Micros now = 0;
  std::vector<Micros> waits;
  for (const Micros on_bus : {0, 29, 30, 1}) {
    now += on_bus * kSecond;
    recovery.on_bus_off(now);
    waits.push_back(wait_ms(recovery, now));
    recovery.on_recovered(now);
  }
  CHECK(waits == std::vector<Micros>{100, 200, 100, 200});
}

}  // namespace alfaspark::bus_test
