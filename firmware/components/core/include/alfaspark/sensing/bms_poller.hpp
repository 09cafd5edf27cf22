// Asks the BMS for its registers every 2 s, as its profile says, and keeps what is plausible.
//
// A poll has three tries, 100 and 200 ms apart after a failure; a wrong CRC, an exception answer, nonsense and silence
// all fail alike. Registers that lie close together are read by one request, so they belong to one moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/generated/bms_profiles.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/sensing/battery_plausibility.hpp"
#include "alfaspark/sensing/modbus_master.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class BmsPoller {
 public:
  static constexpr Micros kPeriod = 2 * kSecond;
  static constexpr Micros kLost = 10 * kSecond;

  /// Profile and address come from the parameters at every poll; an index that `profiles` does not have means the
  /// first.
  BmsPoller(SerialPort& port, const Parameters& parameters, std::span<const BmsProfile> profiles = kBmsProfiles);

  /// The first poll follows at once.
  void start(Micros now);
  void tick(Micros now);
  void on_bytes(Micros now, std::span<const std::uint8_t> bytes);

  /// The last plausible measurement; nullopt before the first and from 10 s after the last.
  [[nodiscard]] const std::optional<BatteryMeasurement>& measurement() const { return measurement_; }
  /// When it was received.
  [[nodiscard]] Micros measured_at() const { return measured_at_; }

 private:
  static constexpr std::size_t kRegisters = 3;

  struct Requests {
    std::array<ModbusRead, kRegisters> reads{};
    std::size_t count = 0;
  };

  [[nodiscard]] static Requests plan(const BmsProfile& profile, std::uint8_t unit);
  void send(Micros now);
  void judge(Micros now);
  void on_answer(Micros now);
  void on_failure(Micros now);
  void finish(Micros now);
  void keep_values(const ModbusRead& read);

  ModbusMaster master_;
  const Parameters& parameters_;
  std::span<const BmsProfile> profiles_;

  Micros poll_at_ = 0;
  Micros request_at_ = 0;
  bool waiting_ = false;
  std::uint8_t failures_ = 0;
  std::size_t next_read_ = 0;  ///< index in `requests_`
  Requests requests_{};
  std::array<BmsRegister, kRegisters> registers_{};        ///< of the poll that runs
  std::array<std::optional<float>, kRegisters> values_{};  ///< of the poll that runs, same order

  BatteryPlausibility plausibility_;
  std::optional<BatteryMeasurement> measurement_;
  Micros measured_at_ = 0;
};

}  // namespace alfaspark
