// The small ports of a pack's controller: its CAN controller, its line to the BMS, indicators, random numbers and the
// memory that a restart does not clear.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "alfaspark/pack.hpp"
#include "alfaspark/ports.hpp"
#include "simulator/bms/bms_line.hpp"
#include "simulator/bus/can_bus.hpp"
#include "simulator/random.hpp"

namespace alfaspark::sim {

/// What the CAN controller, which outlives a restart of the firmware, tells the firmware of the moment.
class CanEvents {
 public:
  virtual void on_can_frame(const CanFrame& frame) = 0;
  virtual void on_can_transmitted(bool sent) = 0;
  virtual void on_can_bus_off() = 0;
  virtual void on_can_recovered() = 0;

 protected:
  ~CanEvents() = default;
};

class CanController final : public Station, public CanPort {
 public:
  CanController(CanBus& bus, CanEvents& events) : bus_(bus), events_(events) {}

  bool transmit(const CanFrame& frame, bool single_shot) override {
    return bus_.offer(*this, BusFrame{frame, false}, single_shot);
  }
  bool abort() override { return bus_.withdraw(*this); }
  void recover() override { bus_.recover(*this); }

 private:
  void on_frame(const BusFrame& frame) override {
    if (!frame.remote) events_.on_can_frame(frame.can);  // the acceptance filter
  }
  void on_transmitted(bool sent) override { events_.on_can_transmitted(sent); }
  void on_bus_off() override { events_.on_can_bus_off(); }
  void on_recovered() override { events_.on_can_recovered(); }

  CanBus& bus_;
  CanEvents& events_;
};

class BmsSerial final : public SerialPort {
 public:
  explicit BmsSerial(BmsLine& line) : line_(line) {}
  void set_baud_rate(std::uint32_t baud_rate) override { line_.set_baud_rate(baud_rate); }
  bool write(std::span<const std::uint8_t> bytes) override {
    line_.write(bytes);
    return true;
  }

 private:
  BmsLine& line_;
};

class IndicatorBoard final : public IndicatorPort {
 public:
  void show(const Indication& indication) override { shown_ = indication; }
  void go_dark() { shown_ = {}; }
  [[nodiscard]] const Indication& shown() const { return shown_; }

 private:
  Indication shown_;
};

/// The microcontroller: its random numbers, and its restart.
class Chip final : public SystemPort {
 public:
  Chip(Random random, std::function<void()> restart) : random_(random), restart_(std::move(restart)) {}
  std::uint32_t random() override { return static_cast<std::uint32_t>(random_.next() >> 32U); }
  void restart() override { restart_(); }
  [[nodiscard]] LastRestart last_restart() const override {
    return {.cause = cause_, .task = cause_ == RestartCause::kWatchdog ? kOnlyTask : std::uint8_t{0}};
  }
  /// What the firmware that starts next will be told.
  void set_restart_cause(RestartCause cause) { cause_ = cause; }

 private:
  static constexpr std::uint8_t kOnlyTask = 1;

  Random random_;
  std::function<void()> restart_;
  RestartCause cause_ = RestartCause::kPowerOn;
};

class RetainedMemory final : public RetainedPort {
 public:
  explicit RetainedMemory(Random random) : random_(random) { lose(); }
  void read(std::size_t at, std::span<std::uint8_t> bytes) const override {
    const auto from = std::span(bytes_).subspan(at, bytes.size());
    std::copy(from.begin(), from.end(), bytes.begin());
  }
  void write(std::size_t at, std::span<const std::uint8_t> bytes) override {
    std::copy(bytes.begin(), bytes.end(), std::span(bytes_).subspan(at, bytes.size()).begin());
  }
  /// Without supply it holds anything afterwards.
  void lose() {
    for (auto& byte : bytes_) byte = static_cast<std::uint8_t>(random_.next() >> 56U);
  }

 private:
  Random random_;
  std::array<std::uint8_t, kSize> bytes_{};
};

}  // namespace alfaspark::sim
