// Relay control with a board, and readings that a test sets.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/modes/relay_control.hpp"
#include "control/fake_board.hpp"

namespace alfaspark::modes_test {

using frames::Mode;
using frames::Reason;
using frames::Relay;
using frames::Result;

constexpr Micros kMinute = 60 * kSecond;
constexpr Micros kHour = 60 * kMinute;

/// Seconds since 1970 of a local time; days since 1970 by hand: 20605 is Monday 2026-06-01.
constexpr std::int64_t local(std::int64_t day, int hour, int minute = 0, int second = 0) {
  return day * 86'400 + hour * 3'600 + minute * 60 + second;
}
constexpr std::int64_t kMonday = 20605;

class Bench {
 public:
  explicit Bench(const HeldState& stored = {}) { restart(stored); }

  /// A software restart: positions stay.
  void restart(const HeldState& stored) {
    control.emplace(board, parameters, settings);
    readings.energies_wh = {};
    control->start(now, stored);
  }
  /// A software restart that finds the counters and the import in memory.
  void restart_carrying(const HeldState& stored) {
    const auto carried = control->carried_import(now);
    control.emplace(board, parameters, settings);
    control->start(now, stored, carried, readings.energies_wh[0]);
  }
  /// The relays fall off and the controller starts anew.
  void cut_power(const HeldState& stored) {
    board.is_software_restart = false;
    board.positions = {};
    restart(stored);
    board.is_software_restart = true;
  }
  void tick() {
    readings.battery.soc_pct = soc_pct;
    readings.battery.online = soc_pct.has_value();
    readings.powers.grid_w = grid_w;
    readings.powers.home_w = home_w;
    readings.powers.inverter_w = inverter_w;
    readings.powers.load1_w = load1_w;
    readings.powers.load2_w = load2_w;
    control->tick(now, {.readings = readings,
                        .bms_lost = bms_lost,
                        .local_s = local_s ? std::optional(*local_s + clock_s()) : std::nullopt,
                        .clock_unknown = clock_unknown});
  }
  /// Lets time pass in steps, with the energy that the grid power gives.
  void run(Micros duration, Micros step = 500 * kMillisecond) {
    for (const Micros end = now + duration; now < end;) {
      now += step;
      add_grid_wh(grid_w.value_or(0.0F) * static_cast<double>(step) / 3.6e9);
      tick();
    }
  }
  void add_grid_wh(double energy_wh) { readings.energies_wh[0] += energy_wh; }
  void set(Mode mode, bool on) {
    settings.modes = static_cast<std::uint8_t>(on ? settings.modes | bit(mode) : settings.modes & ~bit(mode));
  }
  /// The local time is this now, and runs on.
  void set_clock(std::int64_t seconds) {
    local_s = seconds;
    clock_set_at_ = now;
  }
  [[nodiscard]] bool is_closed(Relay relay) const { return (control->closed() & bit(relay)) != 0; }
  [[nodiscard]] Reason reason(Relay relay) const { return control->reason(relay); }
  [[nodiscard]] bool is_open_because(Relay relay, Reason why) const {
    return !is_closed(relay) && reason(relay) == why;
  }
  [[nodiscard]] bool is_closed_because(Relay relay, Reason why) const {
    return is_closed(relay) && reason(relay) == why;
  }

  Parameters parameters;
  ModeSettings settings;
  control_test::RelayBoard board;
  std::optional<RelayControl> control;
  Readings readings;
  Micros now = 1000 * kSecond;
  std::optional<float> soc_pct = 30.0F;
  std::optional<float> grid_w = 0.0F;
  std::optional<float> home_w = 500.0F;
  std::optional<float> inverter_w = 500.0F;
  std::optional<float> load1_w = 0.0F;
  std::optional<float> load2_w = 0.0F;
  bool bms_lost = false;
  bool clock_unknown = false;
  std::optional<std::int64_t> local_s;

 private:
  [[nodiscard]] std::int64_t clock_s() const { return (now - clock_set_at_) / kSecond; }
  Micros clock_set_at_ = 0;
};

}  // namespace alfaspark::modes_test
