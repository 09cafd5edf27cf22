// Everything a pack senses, gathered into one snapshot: AC currents, battery, grid, S0 meters, and what follows from
// them.
//
// Not thread-safe: all calls come from one task, with times that never go back. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"
#include "alfaspark/sensing/bms_poller.hpp"
#include "alfaspark/sensing/current_meter.hpp"
#include "alfaspark/sensing/current_suspicion.hpp"
#include "alfaspark/sensing/energy_counters.hpp"
#include "alfaspark/sensing/grid_sense.hpp"
#include "alfaspark/sensing/pulse_counter.hpp"
#include "alfaspark/sensing/sample_block.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class Sensing {
 public:
  /// Keeps references to `bms` and `parameters`; parameters are read whenever they are needed, so a change counts at
  /// once.
  Sensing(const Hardware& hardware, SerialPort& bms, const Parameters& parameters);

  /// Once, before anything else. The counters go on from `carried`.
  void start(Micros now, const Counts& carried = {});
  /// Every 5 ms or more often. `relays_closed`: bits of frames::Relay, 1 = closed. The snapshot changes only here.
  void tick(Micros now, std::uint8_t relays_closed);

  void on_bms_bytes(Micros now, std::span<const std::uint8_t> bytes);
  /// `now` is the time of the last sample.
  void on_samples(Micros now, const SampleBlock& block);
  /// The rising edge of the grid sense input, one a mains cycle.
  void on_grid_pulse(Micros at);
  /// An edge of an S0 input (0 active, 1 reactive); `on` = contact closed.
  void on_s0_edge(Micros at, std::size_t channel, bool on);

  /// As of the last tick. `battery.online` is false until the first valid answer and from 10 s after the last one.
  [[nodiscard]] const Readings& readings() const;

  /// The counters as they are now.
  [[nodiscard]] Counts counts() const;

  /// Of a channel (0..3) at the nominal gain, without the noise floor; nullopt while it is not measured.
  [[nodiscard]] std::optional<float> uncalibrated_a(std::size_t channel) const {
    return currents_.uncalibrated_a(channel);
  }
  /// Current has been flowing for a second through the relay of this channel (0..3) although it is open.
  [[nodiscard]] bool open_relay_current(std::size_t channel) const;
  /// The grid sense input shows something that is no mains, or no mains while the grid's CT carries current.
  [[nodiscard]] bool grid_sense_implausible() const;

 private:
  [[nodiscard]] std::optional<float> sense_cycle_s() const;
  void count_energy(Micros now);
  void read_counters();
  void read_battery();
  void read_powers();
  void read_grid();

  const Parameters& parameters_;
  CurrentMeter currents_;
  BmsPoller bms_;
  GridSense grid_;
  std::array<PulseCounter, kPulseChannels> pulses_;
  CurrentSuspicion suspicion_;
  EnergyCounters energies_;
  std::uint8_t relays_closed_ = 0;
  std::optional<Micros> last_tick_at_;
  std::optional<float> solar_w_;
  Micros solar_at_ = 0;  ///< the BMS measurement that `solar_w_` was inferred from
  Readings readings_;
};

}  // namespace alfaspark
