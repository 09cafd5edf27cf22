// R4: counters go on over a restart of the program, and begin at 0 after a loss of supply; the bus tells which it was.
#include "alfaspark/control/count_memory.hpp"
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::EnergyCounter;
namespace commands = frames::commands;

constexpr auto kGrid = static_cast<std::size_t>(EnergyCounter::kGrid);

/// A pack that has drawn 10 A from the grid and has counted pulses.
struct Counting {
  Counting() : pack(house.add(kSerial)) {
    pack.currents_a[0] = 10.0;
    house.run(30 * kSecond);
    pulse(3);
    house.run(12 * kSecond);
    REQUIRE(pack->readings().energies_wh[kGrid] > 10.0);
  }

  void pulse(int count) {
    for (int i = 0; i < count; ++i) {
      house.run(100 * kMillisecond);
      pack->on_s0_edge(pack.uptime(house.bus.now), 0, true);
      house.run(50 * kMillisecond);
      pack->on_s0_edge(pack.uptime(house.bus.now), 0, false);
    }
  }
  std::vector<frames::Energy> heard(Micros since) {
    std::vector<frames::Energy> found;
    for (const auto& energy : house.received<frames::Energy>(0, since)) {
      if (energy.counter == EnergyCounter::kGrid) found.push_back(energy);
    }
    return found;
  }

  House house;
  PackStation& pack;
};

}  // namespace

TEST_CASE("R4: a software restart carries energies and pulses over, under the old count id and a new boot id") {
  Counting counting;
  auto& [house, pack] = counting;
  const auto first_boot = pack->boot_id();
  CHECK(pack->count_id() == (first_boot & 0x0FFF));
  CHECK(counting.heard(0).back().count_id == (first_boot & 0x0FFF));
  for (int restarts = 0; restarts < 3; ++restarts) {
    const auto before_wh = pack->readings().energies_wh;
    const auto said_wh = counting.heard(0).back().value_wh;
    const auto boot = pack->boot_id();
    const auto since = house.bus.now;
    house.restart_software(0);
    house.run(10 * kMillisecond);
    CHECK(pack->readings().energies_wh == before_wh);  // no current is measured yet
    house.run(12 * kSecond);
    CHECK(pack->boot_id() != boot);
    CHECK(pack->count_id() == (first_boot & 0x0FFF));
    const auto energies = counting.heard(since);
    REQUIRE(!energies.empty());
    for (const auto& energy : energies) {
      CHECK(energy.boot_id == pack->boot_id());
      CHECK(energy.count_id == (first_boot & 0x0FFF));
      CHECK(energy.value_wh >= said_wh);
      CHECK(energy.value_wh < said_wh + 20.0);
    }
    const auto pulses = house.received<frames::Pulse>(0, since);
    REQUIRE(!pulses.empty());
    CHECK(pulses.front().count == 3U + static_cast<unsigned>(restarts));
    CHECK(pulses.front().boot_id_low == (pack->boot_id() & 0xFF));
    counting.pulse(1);
    house.run(kSecond);
    CHECK(house.received<frames::Pulse>(0, since).back().count == 4U + static_cast<unsigned>(restarts));
  }
}

TEST_CASE(
    "R4: after a power cut, a brown-out or with nothing in memory all counters begin at 0 under the new boot's id") {
  Counting counting;
  auto& [house, pack] = counting;
  const auto boot = pack->boot_id();
  const auto since = house.bus.now;
  SECTION("power cut") { house.cut_power(0); }
  SECTION("brown-out, of which the memory knows nothing") {
    const auto memory = pack.retained.bytes;
    house.cut_power(0);
    pack.retained.bytes = memory;
    pack.chip.last.cause = RestartCause::kBrownOut;
  }
  SECTION("a software restart that finds garbage") {
    pack.retained.bytes.fill(0x5A);
    house.restart_software(0);
  }
  house.run(10 * kMillisecond);
  REQUIRE(pack->boot_id() != boot);
  CHECK(pack->readings().energies_wh[kGrid] == 0.0);
  house.run(12 * kSecond);
  for (const auto& energy : house.received<frames::Energy>(0, since)) {
    CHECK(energy.boot_id == pack->boot_id());
    CHECK(energy.count_id == (pack->boot_id() & 0x0FFF));
    CHECK(energy.value_wh < 20.0);
  }
  for (const auto& pulse : house.received<frames::Pulse>(0, since)) CHECK(pulse.count == 0);
}

TEST_CASE("R4: nothing that the bus has heard is undone by a crash at any tick") {
  Counting counting;
  auto& [house, pack] = counting;
  const auto count_id = pack->count_id();
  for (int crash = 0; crash < 100; ++crash) {
    house.run((30 + crash) * 5 * kMillisecond + 2500 * kMillisecond);
    house.restart_software(0);
  }
  double before_wh = 0.0;
  for (const auto& energy : counting.heard(0)) {
    CHECK(energy.count_id == count_id);
    CHECK(energy.value_wh >= before_wh);
    before_wh = energy.value_wh;
  }
  CHECK(before_wh > 50.0);
}

TEST_CASE("R2: counters that are about to wrap do so on the bus, and go on") {
  constexpr std::uint64_t kWrapUwh = 429'496'729'600'000;
  Counting counting;
  auto& [house, pack] = counting;
  CountMemory memory(pack.retained);
  auto counts = memory.start(RestartCause::kSoftware).value();
  counts.counts.energies[kGrid].microwatt_hours = kWrapUwh - 3'000'000;
  counts.counts.pulses[0] = 0xFFFF'FFFE;
  memory.keep(counts);
  const auto since = house.bus.now;
  house.restart_software(0);
  house.run(2 * kSecond);
  counting.pulse(3);
  house.run(40 * kSecond);
  const auto energies = counting.heard(since);
  REQUIRE(energies.size() >= 3);
  CHECK(energies.front().value_wh > 429'496'726.0);
  CHECK(energies.back().value_wh < 60.0);
  CHECK(house.received<frames::Pulse>(0, since).front().count == 0xFFFF'FFFE);
  CHECK(house.received<frames::Pulse>(0, since).back().count == 1);
  CHECK(pack->readings().energies_wh[kGrid] > 429'496'729.6);  // inside nothing wraps
}

TEST_CASE(
    "R4: today's import goes on over a software restart, from the counter that goes on too, and is not counted twice") {
  constexpr std::uint32_t kNoon = 1'780'315'200;  // 2026-06-01 12:00 UTC
  constexpr std::uint16_t kDay = 20605;
  Counting counting;
  auto& [house, pack] = counting;
  house.send(commands::SetTime{kNoon, 0}, kAllNodes);
  house.send(commands::RestoreImport{1.5F, kDay, pack->boot_id()}, pack->node());
  house.run(5 * kSecond);
  const auto before_kwh = last_status(house).grid_import_today_kwh.value();
  REQUIRE(before_kwh > 1.5F);
  pack.currents_a[0] = 0.0;
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto since = house.bus.now;
    house.restart_software(0);
    house.run(6 * kSecond);
    const auto heard = house.received<frames::Status>(0, since);
    REQUIRE(!heard.empty());
    CHECK(heard.back().grid_import_today_kwh.value() == Approx(before_kwh).margin(0.011));
  }
  house.send(commands::SetTime{kNoon + 20, 0}, kAllNodes);
  house.send(commands::RestoreImport{before_kwh, kDay, pack->boot_id()}, pack->node());
  house.run(3 * kSecond);
  CHECK(last_status(house).grid_import_today_kwh.value() == Approx(before_kwh).margin(0.011));
  house.cut_power(0);
  house.run(6 * kSecond);
  CHECK(last_status(house).grid_import_today_kwh == 0.0F);
}

}  // namespace alfaspark::pack_test
