// A whole pack: every telemetry frame on its time, from one snapshot, and what is unknown as the marker.
#include "catch.hpp"
#include "pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::DeviceType;
using frames::GridState;

constexpr Micros kTolerance = 5 * kMillisecond + 20 * bus_test::kFrameTime;  // a tick, and frames before it

/// Every period from `phase` on, over `duration`, within the tolerance.
void check_grid(const std::vector<Micros>& times, Micros since, Micros duration, Micros period, Micros phase) {
  REQUIRE(times.size() == static_cast<std::size_t>(duration / period));
  auto expected = phase % period + (since - phase % period + period - 1) / period * period;
  for (const auto at : times) {
    CHECK(at >= expected);
    CHECK(at < expected + kTolerance);
    expected += period;
  }
}

template <typename Frame>
void check_sends_nothing_known(const House& house, const std::vector<frames::Payload>& allowed) {
  for (const auto& frame : house.received<Frame>(0)) {
    const auto payload = frame.encode();
    CHECK(std::find(allowed.begin(), allowed.end(), payload) != allowed.end());
  }
}

}  // namespace

TEST_CASE("The 2 s set comes at node x 2000/126 ms, ENERGY and PULSE every 10 s, ANNOUNCE every 10 s") {
  House house;
  auto& pack = house.add(kSerial);
  house.add(kSerial + 4);
  house.run(20 * kSecond);  // the master is elected, nothing changes any more
  const auto since = house.bus.now;
  constexpr Micros kMinute = 60 * kSecond;
  house.run(kMinute);
  const auto node = pack->node();
  REQUIRE(node != 0);
  const Micros phase = node * 2'000'000LL / 126;
  check_grid(house.times_of<frames::Battery>(0, since), since, kMinute, 2 * kSecond, phase);
  check_grid(house.times_of<frames::Power>(0, since), since, kMinute, 2 * kSecond, phase);
  check_grid(house.times_of<frames::Loads>(0, since), since, kMinute, 2 * kSecond, phase);
  check_grid(house.times_of<frames::Status>(0, since), since, kMinute, 2 * kSecond, phase);
  check_grid(house.times_of<frames::Currents>(0, since), since, kMinute, 2 * kSecond, phase);
  CHECK(house.times_of<frames::Announce>(0, since).size() == 6);
  CHECK(house.times_of<frames::Pulse>(0, since).size() == 12);
  CHECK(house.times_of<frames::Fleet>(0, since).size() + house.times_of<frames::Fleet>(1, since).size() == 30);
  CHECK(house.times_of<frames::Fault>(0, since).empty());
  std::map<frames::EnergyCounter, int> counters;
  for (const auto& energy : house.received<frames::Energy>(0, since)) {
    ++counters[energy.counter];
    CHECK(energy.boot_id == pack->boot_id());
  }
  CHECK(counters.size() == 7);
  for (const auto& [counter, count] : counters) CHECK(count == 6);
}

TEST_CASE("ANNOUNCE is the first base frame after boot, and says who and what") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(kSecond);
  const auto first =
      std::find_if(house.bus.log.begin(), house.bus.log.end(), [](const Sent& sent) { return !sent.frame.extended; });
  REQUIRE(first != house.bus.log.end());
  CHECK(first->frame.id == 0x080U + pack->node());
  const auto announce = frames::Announce::decode(first->frame.payload()).value();
  CHECK(announce.device_type == DeviceType::kEnergyPack);
  CHECK(announce.fw_minor == 1);
  CHECK(announce.fw_patch == 2);
  CHECK(announce.protocol_version == 1);
  CHECK(announce.boot_id == pack->boot_id());
  CHECK(announce.master == 0);
}

TEST_CASE("A pack that senses nothing sends markers, never 0") {
  House house;
  auto& pack = house.add(kSerial);
  pack.bms.is_silent = true;
  pack.has_samples = false;
  pack.has_grid = false;
  house.run(60 * kSecond);
  REQUIRE(house.received<frames::Battery>(0).size() > 25);
  check_sends_nothing_known<frames::Battery>(house, {{0xFF, 0xFF, 0x00, 0x80, 0, 0, 0xFF, 0}});
  check_sends_nothing_known<frames::Power>(house, {{0, 0x80, 0, 0x80, 0, 0x80, 0, 0x80}});
  check_sends_nothing_known<frames::Currents>(house, {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}});
  // Of the frequency it is known, after a while, that there is none.
  check_sends_nothing_known<frames::Loads>(
      house, {{0, 0x80, 0, 0x80, 0, 0x80, 0xFF, 0xFF}, {0, 0x80, 0, 0x80, 0, 0x80, 0, 0}});
  for (const auto& status : house.received<frames::Status>(0)) CHECK_FALSE(status.grid_import_today_kwh);
  // FLEET of the only pack, its own master.
  REQUIRE(house.received<frames::Fleet>(0).size() > 20);
  check_sends_nothing_known<frames::Fleet>(house, {{1, 0xFF, 0, 0x80, 0, 0x80, 0, 0x80}});
}

TEST_CASE("What flows through the pack is in its frames") {
  House house;
  auto& pack = house.add(kSerial);
  pack.bms.voltage_v = 54.4;
  pack.bms.current_a = -5.0;
  pack.currents_a = {2.0, 5.0, 0.0, 10.0};
  house.run(20 * kSecond);
  const auto battery = house.received<frames::Battery>(0).back();
  CHECK(*battery.voltage_v == Approx(54.4));
  CHECK(*battery.current_a == Approx(-5.0));
  CHECK(*battery.soc_pct == Approx(50.0));
  CHECK(battery.state == frames::BatteryState::kDischarging);
  const auto power = house.received<frames::Power>(0).back();
  CHECK(*power.grid_w == Approx(440).margin(2));
  CHECK(*power.home_w == Approx(1100 + 2200).margin(5));
  CHECK(*power.battery_w == Approx(-272));
  CHECK(*power.solar_w == Approx(3300 - 272 - 440).margin(8));
  const auto loads = house.received<frames::Loads>(0).back();
  CHECK(*loads.load1_w == 0);
  CHECK(*loads.load2_w == Approx(2200).margin(3));
  CHECK(*loads.grid_frequency_hz == Approx(50));
  CHECK(*house.received<frames::Currents>(0).back().inverter_a == Approx(5).margin(0.02));
  const auto status = house.received<frames::Status>(0).back();
  CHECK(status.grid == GridState::kPresent);
  CHECK(status.relays == 0x0F);
  CHECK(status.modes == 0);
  CHECK(status.warnings == 0);
}

TEST_CASE("The loss of the grid is on the bus within 2.25 periods and a tick") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(20 * kSecond + 3 * kMillisecond);
  pack.has_grid = false;
  const auto last_pulse = 20 * kSecond;
  house.run(kSecond);
  const auto times = house.times_of<frames::Status>(0, last_pulse);
  const auto states = house.received<frames::Status>(0, last_pulse);
  REQUIRE_FALSE(times.empty());
  std::size_t first = 0;
  while (first < states.size() && states[first].grid != GridState::kAbsent) ++first;
  REQUIRE(first < states.size());
  CHECK(times[first] - last_pulse >= 45 * kMillisecond);
  CHECK(times[first] - last_pulse <= 45 * kMillisecond + kTolerance);
  CHECK(*house.received<frames::Loads>(0).back().grid_frequency_hz == Approx(50));  // still of the last set
  house.run(2 * kSecond);
  CHECK(*house.received<frames::Loads>(0).back().grid_frequency_hz == 0);
}

TEST_CASE("A change that the periodic STATUS carries is not sent a second time") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(20 * kSecond);
  const Micros phase = pack->node() * 2'000'000LL / 126;
  const auto set_at = 20 * kSecond + (phase + bus_test::kTick - 1) / bus_test::kTick * bus_test::kTick;
  house.run(set_at - house.bus.now - 2 * kMillisecond);  // after the tick before the set's
  house.send(frames::commands::SetRelay{frames::Relay::kLoad1, false}, pack->node());
  const auto since = house.bus.now;
  house.run(100 * kMillisecond);
  REQUIRE(house.received<frames::Battery>(0, since).size() == 1);  // the set
  REQUIRE(house.received<frames::Status>(0, since).size() == 1);
  CHECK(house.received<frames::Status>(0, since)[0].relays == 0b1011);
}

TEST_CASE("S0 pulses are counted and sent on the pulse") {
  House house;
  auto& pack = house.add(kSerial);
  house.run(20 * kSecond);
  const auto since = house.bus.now;
  for (int i = 0; i < 3; ++i) {
    pack->on_s0_edge(house.bus.now, 0, true);
    house.run(50 * kMillisecond);
    pack->on_s0_edge(house.bus.now, 0, false);
    house.run(310 * kMillisecond);
  }
  house.run(kSecond);
  std::vector<std::uint32_t> counts;
  for (const auto& pulse : house.received<frames::Pulse>(0, since)) {
    if (pulse.channel != frames::PulseChannel::kActive) continue;
    CHECK(pulse.boot_id_low == (pack->boot_id() & 0xFF));
    if (counts.empty() || counts.back() != pulse.count) counts.push_back(pulse.count);
    if (pulse.count == 3) CHECK(*pulse.interval_ms == Approx(360).margin(2));
  }
  CHECK(counts.back() == 3);
  CHECK(counts.size() >= 3);
}

TEST_CASE("FLEET is sent by the master alone, and sums what the packs send") {
  House house;
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto& pack = house.add(kSerial + 4 * i);
    pack.bms.voltage_v = 54.4 + 1.6 * static_cast<double>(i);  // 50, 60, 70 %
    pack.currents_a = {2.0, 5.0, 0.0, 0.0};
  }
  house.run(30 * kSecond);
  std::size_t senders = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto fleets = house.received<frames::Fleet>(i);
    if (fleets.empty()) continue;
    ++senders;
    CHECK(fleets.back().packs == 3);
    CHECK(*fleets.back().soc_pct == Approx(60));
    CHECK(*fleets.back().grid_w == Approx(3 * 440).margin(10));
  }
  CHECK(senders == 1);
}

TEST_CASE("A gateway is master and sends FLEET, but no readings of a battery it does not have") {
  House house;
  house.add(kSerial);
  house.add(kSerial + 4, DeviceType::kEnergyGateway);
  house.run(60 * kSecond);
  CHECK(house.received<frames::Fleet>(1).size() > 20);
  CHECK(house.received<frames::Fleet>(1).back().packs == 1);
  CHECK(house.received<frames::Battery>(1).empty());
  CHECK(house.received<frames::Status>(1).empty());
  CHECK(house.received<frames::Energy>(1).empty());
  CHECK(house.received<frames::Fault>(1).empty());
  CHECK(house.received<frames::Fleet>(0, 30 * kSecond).empty());
}

}  // namespace alfaspark::pack_test
