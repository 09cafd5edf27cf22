// Whole packs on a small bus: the firmware as it is, with a board, a BMS and mains around it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <numbers>
#include <optional>
#include <vector>

#include "alfaspark/pack.hpp"
#include "bus/small_bus.hpp"
#include "control/fake_board.hpp"

namespace alfaspark::pack_test {

using bus_test::Sent;
using bus_test::SmallBus;

/// Answers the generic profile (function 3, registers 0 voltage in 0.1 V and 1 current in 0.01 A), 20 ms after it was
/// asked.
class GenericBms final : public SerialPort {
 public:
  void set_baud_rate(std::uint32_t) override {}
  bool write(std::span<const std::uint8_t> bytes) override {
    if (is_silent || bytes.size() != 8) return true;
    const std::array<std::uint16_t, 2> registers{
        static_cast<std::uint16_t>(std::lround(voltage_v * 10.0)),
        static_cast<std::uint16_t>(static_cast<std::int16_t>(std::lround(current_a * 100.0)))};
    const std::size_t first = bytes[3];
    const std::size_t count = bytes[5];
    answer = {bytes[0], 3, static_cast<std::uint8_t>(2 * count)};
    for (std::size_t i = first; i < first + count; ++i) {
      answer.push_back(static_cast<std::uint8_t>(registers.at(i) >> 8U));
      answer.push_back(static_cast<std::uint8_t>(registers.at(i) & 0xFFU));
    }
    std::uint16_t crc = 0xFFFF;
    for (const auto byte : answer) {
      crc ^= byte;
      for (int bit = 0; bit < 8; ++bit) {
        const bool carry = (crc & 1U) != 0;
        crc = static_cast<std::uint16_t>(crc >> 1U);
        if (carry) crc ^= 0xA001;
      }
    }
    answer.push_back(static_cast<std::uint8_t>(crc & 0xFFU));
    answer.push_back(static_cast<std::uint8_t>(crc >> 8U));
    ticks_to_answer = 4;
    return true;
  }

  double voltage_v = 54.4;
  double current_a = 10.0;
  bool is_silent = false;
  std::vector<std::uint8_t> answer;
  int ticks_to_answer = 0;
};

/// A pack with its surroundings. Its own clock starts anew with every start.
class PackStation final : public bus_test::Station {
 public:
  PackStation(SmallBus& bus, const Identity& identity)
      : chip(static_cast<std::uint32_t>(identity.serial)), identity_(identity), connection_(bus.connect()) {
    hardware_.amperes_per_count.fill(0.025F);
  }

  void start(Micros now) override {
    booted_at_ = now;
    next_pulse_ = now;
    const Ports ports{connection_, bms, relays, flash, lights, chip, retained};
    pack_ = std::make_unique<Pack>(identity_, hardware_, ports);
    pack_->start(0);
  }
  void tick(Micros now) override {
    if (bms.ticks_to_answer > 0) {
      --bms.ticks_to_answer;
      if (bms.ticks_to_answer == 0) pack_->on_bms_bytes(uptime(now), bms.answer);
    }
    for (; next_pulse_ <= now; next_pulse_ += grid_period) {
      if (has_grid) pack_->on_grid_pulse(uptime(next_pulse_));
    }
    if (has_samples) sample(now);
    pack_->tick(uptime(now));
  }
  void on_frame(Micros now, const CanFrame& frame) override { pack_->on_can_frame(uptime(now), frame); }
  void on_transmitted(Micros now, bool sent) override { pack_->on_can_transmitted(uptime(now), sent); }
  void on_bus_off(Micros now) override { pack_->on_can_bus_off(uptime(now)); }
  void on_recovered(Micros now) override { pack_->on_can_recovered(uptime(now)); }

  Pack* operator->() { return pack_.get(); }
  [[nodiscard]] Micros uptime(Micros now) const { return now - booted_at_; }

  GenericBms bms;
  control_test::RelayBoard relays;
  control_test::Flash flash;
  control_test::Lights lights;
  control_test::Retained retained;
  bus_test::Dice chip;  ///< random numbers, restarts and their cause
  bool has_grid = true;
  Micros grid_period = 20 * kMillisecond;
  bool has_samples = true;
  std::array<double, kCurrentChannels> currents_a{};  ///< RMS

 private:
  void sample(Micros now) {
    constexpr double kRateHz = 2000.0;
    constexpr std::size_t kCount = 10;  // of 5 ms
    std::array<std::array<std::uint16_t, kCount>, kCurrentChannels> counts{};
    SampleBlock block;
    block.sample_rate_hz = static_cast<float>(kRateHz);
    for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
      const double amplitude = currents_a[channel] * std::numbers::sqrt2 / 0.025;
      for (std::size_t i = 0; i < kCount; ++i) {
        const double at_s = static_cast<double>(now) / 1e6 - static_cast<double>(kCount - 1 - i) / kRateHz;
        const double value = 2048.0 + amplitude * std::sin(2.0 * std::numbers::pi * 50.0 * at_s);
        counts[channel][i] = static_cast<std::uint16_t>(std::lround(std::clamp(value, 0.0, 4095.0)));
      }
      block.channels[channel] = counts[channel];
    }
    pack_->on_samples(uptime(now), block);
  }

  Identity identity_;
  Hardware hardware_;
  bus_test::Connection& connection_;
  std::unique_ptr<Pack> pack_;
  Micros booted_at_ = 0;
  Micros next_pulse_ = 0;
};

/// Packs on a bus, and what a host does there.
class House {
 public:
  PackStation& add(std::uint64_t serial, frames::DeviceType type = frames::DeviceType::kEnergyPack) {
    packs_.push_back(std::make_unique<PackStation>(
        bus, Identity{.serial = serial, .device_type = type, .firmware = {.major = 0, .minor = 1, .patch = 2}}));
    bus.attach(packs_.size() - 1, *packs_.back());
    return *packs_.back();
  }
  void run(Micros duration) { bus.run(duration); }
  /// With the supply on all the time: nothing but the program starts anew.
  void restart_software(std::size_t index) {
    packs_[index]->relays.is_software_restart = true;
    packs_[index]->chip.last.cause = RestartCause::kSoftware;
    bus.cut_power(index);
    bus.attach(index, *packs_[index], bus.now);
  }
  /// The supply fails and comes back; the relays fall off, and the memory holds anything.
  void cut_power(std::size_t index) {
    packs_[index]->relays.is_software_restart = false;
    packs_[index]->chip.last.cause = RestartCause::kPowerOn;
    packs_[index]->retained.bytes.fill(0xA5);
    packs_[index]->relays.positions = {};
    bus.cut_power(index);
    bus.attach(index, *packs_[index], bus.now);
  }

  template <typename Command>
  void send(const Command& command, std::uint8_t target, frames::Function function = frames::Function::kCommand) {
    const auto id = static_cast<std::uint32_t>(function) + target;
    bus.inject({.id = id, .length = Command::kLength, .data = command.encode(sequence_++)});
  }

  /// What came of a kind, in order; of one pack, since a time.
  template <typename Frame>
  std::vector<Frame> received(std::size_t by, Micros since = 0) const {
    std::vector<Frame> found;
    for (const auto& sent : bus.log) {
      if (is<Frame>(sent, by, since)) found.push_back(Frame::decode(sent.frame.payload()).value());
    }
    return found;
  }
  template <typename Frame>
  std::vector<Micros> times_of(std::size_t by, Micros since = 0) const {
    std::vector<Micros> found;
    for (const auto& sent : bus.log) {
      if (is<Frame>(sent, by, since)) found.push_back(sent.at);
    }
    return found;
  }

  SmallBus bus;

 private:
  template <typename Frame>
  static bool is(const Sent& sent, std::size_t by, Micros since) {
    return sent.by == by && sent.at >= since && !sent.frame.extended && function_of(sent.frame.id) == Frame::kFunction;
  }

  std::vector<std::unique_ptr<PackStation>> packs_;
  std::uint8_t sequence_ = 0;
};

inline frames::Status last_status(const House& house, std::size_t pack = 0) {
  return house.received<frames::Status>(pack).back();
}
inline bool warns(const frames::Status& status, frames::PackWarning warning) {
  return (status.warnings & bit(warning)) != 0;
}

constexpr std::uint64_t kSerial = 0xA0B1C2D3E4F5;

}  // namespace alfaspark::pack_test
