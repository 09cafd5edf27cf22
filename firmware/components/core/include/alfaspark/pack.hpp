// A pack: everything the controller decides, driven by events and ticks, speaking through its ports.
//
// Not thread-safe: all calls come from one task, with times that never go back. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/bus/bus_node.hpp"
#include "alfaspark/bus/status_trigger.hpp"
#include "alfaspark/bus/telemetry_schedule.hpp"
#include "alfaspark/control/clock.hpp"
#include "alfaspark/control/commands.hpp"
#include "alfaspark/control/count_memory.hpp"
#include "alfaspark/control/faults.hpp"
#include "alfaspark/control/grid_loss_log.hpp"
#include "alfaspark/control/host_watch.hpp"
#include "alfaspark/control/reset_button.hpp"
#include "alfaspark/control/warnings.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/indicators/indicators.hpp"
#include "alfaspark/modes/relay_control.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"
#include "alfaspark/sensing/sample_block.hpp"
#include "alfaspark/sensing/sensing.hpp"
#include "alfaspark/settings/mode_settings.hpp"
#include "alfaspark/settings/parameters.hpp"
#include "alfaspark/settings/settings.hpp"

namespace alfaspark {

class Pack {
 public:
  Pack(const Identity& identity, const Hardware& hardware, const Ports& ports);
  Pack(const Pack&) = delete;  // its parts refer to each other
  Pack& operator=(const Pack&) = delete;

  /// Once, before anything else: reads the storage and starts to claim a node number.
  void start(Micros now);
  /// Every 5 ms or more often; all timing derives from `now`.
  void tick(Micros now);

  void on_can_frame(Micros now, const CanFrame& frame);
  /// The frame in flight is gone: sent, or (a single shot, or one that was to be withdrawn) given up after an error.
  void on_can_transmitted(Micros now, bool sent);
  /// The controller went bus-off; the frame in flight is lost.
  void on_can_bus_off(Micros now);
  void on_can_recovered(Micros now);
  void on_bms_bytes(Micros now, std::span<const std::uint8_t> bytes);
  /// `now` is the time of the last sample.
  void on_samples(Micros now, const SampleBlock& block);
  /// The rising edge of the grid sense input, one a mains cycle.
  void on_grid_pulse(Micros at);
  /// An edge of an S0 input (0 active, 1 reactive); `on` = contact closed.
  void on_s0_edge(Micros at, std::size_t channel, bool on);

  void on_button(Micros at, bool pressed);

  /// 0 while none is held.
  [[nodiscard]] std::uint8_t node() const;
  [[nodiscard]] bool is_master() const;
  [[nodiscard]] std::uint16_t boot_id() const;
  /// Low 12 bits of the id of the boot in which the counters began at 0.
  [[nodiscard]] std::uint16_t count_id() const { return count_id_; }
  [[nodiscard]] const Readings& readings() const;
  [[nodiscard]] const GridLossLog& grid_losses() const { return grid_losses_; }

 private:
  /// A BMS that never answered is lost so long after the start.
  static constexpr Micros kBmsLostAfterStart = 10 * kSecond;

  /// The answer to RESTART has so long to reach the bus.
  static constexpr Micros kRestartDelay = 50 * kMillisecond;
  /// After the CLAIM that answers a WHO, which takes 128 ms at most: from a number without one a host takes nothing.
  static constexpr Micros kFaultsAfterWho = 250 * kMillisecond;
  /// A restart that nobody asked for is told as a fault for so long.
  static constexpr Micros kRestartFault = 600 * kSecond;

  void on_command(Micros now, const CanFrame& frame);
  void obey(Micros now, Commands::Request request);
  void obey_button(Micros now);
  void reset_to_factory(Micros now);
  void control_relays(Micros now);
  void keep_settings(Micros now);
  void keep_counts(Micros now);
  void keep_grid_losses(Micros now);
  void restart_if_due(Micros now);
  void watch_faults(Micros now);
  void send(Micros now, const frames::Status& status);
  void send_set(Micros now, const frames::Status& status);
  void show(Micros now, const frames::Status& status);
  [[nodiscard]] bool is_pack() const { return identity_.device_type == frames::DeviceType::kEnergyPack; }
  [[nodiscard]] bool has_storage_failed() const {
    return settings_.has_storage_failed() || grid_losses_.has_storage_failed();
  }
  [[nodiscard]] bool is_bms_lost(Micros now) const;
  [[nodiscard]] bool is_clock_unknown(Micros now) const;
  [[nodiscard]] frames::Status status(Micros now);
  [[nodiscard]] std::uint8_t announce_flags(Micros now) const;

  Identity identity_;
  SystemPort& system_;
  Parameters parameters_;
  ModeSettings modes_;
  Settings settings_;
  Sensing sensing_;
  BusNode bus_;
  Clock clock_;
  HostWatch host_;
  RelayControl relays_;
  Indicators indicators_;
  GridLossLog grid_losses_;
  Commands commands_;
  Faults faults_;
  Warnings warnings_;
  ResetButton button_;
  CountMemory count_memory_;
  TelemetrySchedule schedule_;
  StatusTrigger status_trigger_;
  Micros started_at_ = 0;
  LastRestart last_restart_;
  std::optional<Micros> restart_at_;
  std::optional<Micros> repeat_faults_at_;
  std::uint16_t count_id_ = 0;
  std::uint8_t scheduled_node_ = 0;  ///< the number that the schedule was started for
};

}  // namespace alfaspark
