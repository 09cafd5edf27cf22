// R3: a relay never moves because of a restart, at whatever minute of the day it comes.
#include "catch.hpp"
#include "pack/pack_bench.hpp"

namespace alfaspark::pack_test {
namespace {

using frames::Mode;
namespace commands = frames::commands;

constexpr std::uint32_t kMidnight = 1'780'268'400;  // 2026-06-01 00:00 at UTC+1
constexpr std::int16_t kOffsetMin = 60;
constexpr int kMinutesOfDay = 1440;

/// A pack with every mode on but backup, whose state follows the time of day: charged by day, low by night, a heavy
/// load at noon, the import limit exhausted in the evening.
class Day {
 public:
  Day() : pack_(house_.add(kSerial)) {
    house_.run(15 * kSecond);
    send(commands::SetParameter{static_cast<std::uint8_t>(Parameter::kEcoLimit), 2000});
    send(commands::SetParameter{static_cast<std::uint8_t>(Parameter::kRelayMinAutoTime), 0});
    send(commands::SetParameter{static_cast<std::uint8_t>(Parameter::kEcoMinOffTime), 10});
    send(commands::SetWindow{0, 6 * 60, 22 * 60, 0x7F});
    for (const auto mode : {Mode::kSelfConsumption, Mode::kEco, Mode::kTimeOfUse, Mode::kImportLimit}) {
      send(commands::SetMode{mode, true});
    }
    house_.run(3 * kSecond);
  }

  void live_at(int minute) {
    minute_ = minute;
    const int hour = minute / 60;
    pack_.bms.voltage_v = hour >= 8 && hour < 20 ? 56.0 : hour < 4 ? 47.0 : 51.0;
    const bool is_noon = hour >= 11 && hour < 14;
    pack_.currents_a = {hour < 2 ? 40.0 : 1.0, is_noon ? 12.0 : 2.0, is_noon ? 3.0 : 0.5, is_noon ? 5.0 : 1.0};
    tell_time();
    // Where the day changes something, until that has happened and is on flash.
    const bool is_change = minute % 60 < 2;
    house_.run(is_change ? 30 * kSecond : 300 * kMillisecond);
  }

  void check_restart(bool is_power_cut) {
    const auto positions = pack_.relays.positions;
    if (is_power_cut) {
      house_.cut_power(0);
    } else {
      house_.restart_software(0);
    }
    pack_.relays.movements = 0;
    int restored = 0;
    for (const bool is_closed : positions) restored += is_power_cut && is_closed ? 1 : 0;
    house_.run(600 * kMillisecond);
    tell_time();
    house_.run(100 * kMillisecond);
    INFO("minute " << minute_);
    CHECK(pack_.relays.positions == positions);
    CHECK(pack_.relays.movements == restored);
  }

  [[nodiscard]] std::array<bool, 4> positions() const { return pack_.relays.positions; }

 private:
  template <typename Command>
  void send(const Command& command) {
    house_.send(command, pack_->node());
    house_.run(50 * kMillisecond);
  }
  void tell_time() {
    const auto unix_s = kMidnight + static_cast<std::uint32_t>(minute_) * 60;
    house_.send(commands::SetTime{unix_s, kOffsetMin}, kAllNodes);
  }

  House house_;
  PackStation& pack_;
  int minute_ = 0;
};

}  // namespace

TEST_CASE("R3: restarts at every minute of a day move no relay, by software or by a power cut") {
  const bool is_power_cut = GENERATE(false, true);
  Day day;
  std::array<int, 4> open_minutes{};
  for (int minute = 0; minute < kMinutesOfDay; ++minute) {
    day.live_at(minute);
    day.check_restart(is_power_cut);
    for (std::size_t relay = 0; relay < 4; ++relay) open_minutes[relay] += day.positions()[relay] ? 0 : 1;
  }
  // The day was one in which something happened.
  CHECK(open_minutes[0] > 300);
  CHECK(open_minutes[1] > 300);
  CHECK(open_minutes[3] > 60);
}

}  // namespace alfaspark::pack_test
