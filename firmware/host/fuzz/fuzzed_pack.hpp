// A pack on a board without hardware, for input that nobody would send.
#pragma once

#include <cstdint>
#include <random>

#include "alfaspark/pack.hpp"
#include "control/fake_board.hpp"

namespace alfaspark::fuzz {

/// A bus that takes a frame and forgets it, a line that nobody answers on, a chip whose chance is always the same.
class Nowhere final : public CanPort, public SerialPort, public SystemPort {
 public:
  bool transmit(const CanFrame&, bool) override {
    is_sending = true;
    return true;
  }
  bool abort() override {
    is_sending = false;
    return true;
  }
  void recover() override {}
  void set_baud_rate(std::uint32_t) override {}
  bool write(std::span<const std::uint8_t>) override { return true; }
  std::uint32_t random() override { return static_cast<std::uint32_t>(dice_()); }
  void restart() override { ++restarts; }

  bool is_sending = false;
  int restarts = 0;

 private:
  std::minstd_rand dice_;
};

struct FuzzedPack {
  explicit FuzzedPack(control_test::Flash& storage)
      : flash(storage),
        pack({.serial = 0xA0B1C2D3E4F5, .device_type = frames::DeviceType::kEnergyPack, .firmware = {}}, hardware(),
             {.can = nowhere,
              .bms = nowhere,
              .relays = relays,
              .storage = flash,
              .indicators = lights,
              .system = nowhere,
              .retained = retained}) {}

  static Hardware hardware() {
    Hardware hardware;
    hardware.amperes_per_count.fill(0.025F);
    return hardware;
  }
  void run(Micros duration) {
    for (const Micros end = now + duration; now < end;) {
      now += 5 * kMillisecond;
      if (nowhere.is_sending) {
        nowhere.is_sending = false;
        pack.on_can_transmitted(now, true);
      }
      pack.tick(now);
    }
  }

  control_test::Flash& flash;
  Nowhere nowhere;
  control_test::RelayBoard relays;
  control_test::Lights lights;
  control_test::Retained retained;
  Pack pack;
  Micros now = 0;
};

}  // namespace alfaspark::fuzz
