// One pack: the firmware's own core on simulated hardware, in a house of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "alfaspark/pack.hpp"
#include "simulator/bms/bms_line.hpp"
#include "simulator/bms/simulated_bms.hpp"
#include "simulator/pack/controller_links.hpp"
#include "simulator/pack/flash.hpp"
#include "simulator/pack/relay_board.hpp"
#include "simulator/plant/house.hpp"
#include "simulator/site.hpp"
#include "simulator/waveform/current_transformer.hpp"

namespace alfaspark::sim {

struct PackOptions {
  Identity identity{};
  std::size_t index = 0;
  std::optional<std::filesystem::path> storage;  ///< directory of its flash; nullopt: only in memory
  std::optional<std::uint8_t> stored_number;     ///< a node number that is on the flash from the start
  BmsLine* external_bms = nullptr;               ///< instead of the simulated one; outlives the pack
};

enum class CtFault : std::uint8_t { kNone, kClip, kOpen, kStuckRelay };

/// A row of S0 pulses.
struct PulseTrain {
  std::uint64_t count = 0;
  Micros interval = 0;
};

class SimulatedPack final : private CanEvents {
 public:
  /// Between two ticks of the firmware, and the length of a block of samples.
  static constexpr Micros kStep = 5 * kMillisecond;

  SimulatedPack(Site& site, const PackOptions& options);
  ~SimulatedPack();
  SimulatedPack(const SimulatedPack&) = delete;
  SimulatedPack& operator=(const SimulatedPack&) = delete;

  /// Once: lets time pass, and boots unless the supply was cut before.
  void start();
  void set_supply(bool on);
  /// The firmware starts again and is told why. Relays and the rest of the hardware stay as they are, but in a
  /// brown-out, which lets the relays fall off and the memory forget. Nothing without supply.
  void restart_firmware(RestartCause cause);
  void hold_button(Micros duration);
  void send_pulses(std::size_t channel, const PulseTrain& train);
  void set_ct_fault(std::size_t channel, CtFault fault);
  void set_segment(std::size_t segment);
  void force_bus_off() { site_.bus.force_bus_off(can_); }
  /// Counts what flowed until now, lets `change` work on the house, and finds what flows from now on.
  void change_house(const std::function<void(House&)>& change);
  /// After a change of the grid or of local time.
  void refresh_house() {
    change_house([](House&) {});
  }
  void on_grid_pulse();

  /// Readings of the BMS instead of the battery's; without effect on an external BMS.
  std::optional<double>& fixed_battery_v() { return fixed_battery_v_; }
  std::optional<double>& fixed_battery_a() { return fixed_battery_a_; }
  /// nullptr where the BMS is an external one.
  SimulatedBms* simulated_bms() { return simulated_bms_.get(); }
  Flash& flash() { return flash_; }

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] const House& house() const { return house_; }
  [[nodiscard]] const RelayBoard& relays() const { return relays_; }
  [[nodiscard]] const Flash& flash() const { return flash_; }
  [[nodiscard]] const Indication& indication() const { return indicators_.shown(); }
  [[nodiscard]] std::uint64_t boots() const { return boots_; }
  /// nullptr without supply.
  [[nodiscard]] const Pack* firmware() const { return firmware_.get(); }

 private:
  void boot(RestartCause cause);
  void restart_soon();
  void step();
  void deliver_samples();
  void update_house();
  void update_inverter_phase();
  void send_next_pulse(std::size_t channel, std::uint64_t train);
  [[nodiscard]] BmsReading bms_reading() const;
  /// Of the firmware's clock.
  [[nodiscard]] Micros uptime() const { return site_.timeline.now() - booted_at_; }

  void on_can_frame(const CanFrame& frame) override;
  void on_can_transmitted(bool sent) override;
  void on_can_bus_off() override;
  void on_can_recovered() override;

  struct PulseOutput {
    PulseTrain rest;
    std::uint64_t train = 0;  ///< number of the train, so that a new one ends the old
  };

  Site& site_;
  Identity identity_;
  Hardware hardware_;
  House house_;
  RelayBoard relays_;
  Flash flash_;
  CanController can_;
  IndicatorBoard indicators_;
  Chip chip_;
  RetainedMemory retained_;
  std::unique_ptr<SimulatedBms> simulated_bms_;
  BmsSerial bms_;
  BmsLine& bms_line_;
  std::vector<CurrentTransformer> transformers_;
  Mains inverter_;
  bool joined_to_grid_ = false;
  std::array<PulseOutput, kPulseChannels> pulse_outputs_;
  std::optional<double> fixed_battery_v_;
  std::optional<double> fixed_battery_a_;

  bool has_supply_ = true;
  bool started_ = false;
  std::size_t segment_ = 0;
  Micros step_offset_;
  Micros booted_at_ = 0;
  std::uint64_t boots_ = 0;
  std::uint64_t button_press_ = 0;
  double sample_rate_hz_ = 0.0;
  Micros sampling_from_ = 0;  ///< the ADC pauses while its rate is changed
  std::unique_ptr<Pack> firmware_;
};

}  // namespace alfaspark::sim
