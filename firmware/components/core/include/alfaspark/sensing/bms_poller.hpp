// Asks the BMS for its registers every 2 s, as its profile says, and keeps what is plausible.
//
// A poll has three tries, 100 and 200 ms apart after a failure; a wrong CRC, an exception answer, nonsense and silence
// all fail alike. Registers that lie close together are read by one request, so they belong to one moment.
//
// Alarms are asked for after the values, once a poll: a BMS that does not tell them is no lost one, and must not be
// kept from telling its values. What was last told of them stands until the next answer, or until the BMS is lost:
// silence never ends an alarm.
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

  /// Profile, address and whether the SOC is asked for come from the parameters at every poll; an index that `profiles`
  /// does not have means the first.
  BmsPoller(SerialPort& port, const Parameters& parameters, std::span<const BmsProfile> profiles = kBmsProfiles);

  /// The first poll follows at once.
  void start(Micros now);
  void tick(Micros now);
  void on_bytes(Micros now, std::span<const std::uint8_t> bytes);

  /// The last plausible measurement; nullopt before the first and from 10 s after the last.
  [[nodiscard]] const std::optional<BatteryMeasurement>& measurement() const { return measurement_; }
  /// When it was received.
  [[nodiscard]] Micros measured_at() const { return measured_at_; }
  /// Bits of frames::BatteryAlarm as last told; nullopt while there is no measurement, before the first answer, and for
  /// a profile without alarms.
  [[nodiscard]] std::optional<std::uint16_t> alarms() const { return alarms_; }

 private:
  enum Value : std::uint8_t { kVoltage, kCurrent, kSoc, kDirection, kValues };

  /// What is asked for; another one means another BMS.
  struct Subject {
    std::size_t profile = 0;
    std::uint8_t address = 0;
    bool operator==(const Subject&) const = default;
  };
  struct Requests {
    std::array<ModbusRead, kValues + 1U> reads{};  ///< of values, then at most one of alarms
    std::size_t values = 0;
    std::size_t count = 0;
  };

  void begin_poll();
  void plan();
  void add(const BmsRegister& source);
  void send(Micros now);
  void judge(Micros now);
  void on_answer(Micros now);
  void on_failure(Micros now);
  void finish(Micros now);
  void keep_values(const ModbusRead& read);
  void keep_measurement(Micros now, const BatteryMeasurement& measurement);
  void keep_alarms();
  [[nodiscard]] BatteryMeasurement to_measurement() const;

  ModbusMaster master_;
  const Parameters& parameters_;
  std::span<const BmsProfile> profiles_;

  Micros poll_at_ = 0;
  Micros request_at_ = 0;
  bool waiting_ = false;
  std::uint8_t failures_ = 0;
  std::size_t next_read_ = 0;  ///< index in `requests_`

  // Of the poll that runs.
  Subject subject_{};
  BmsProfile profile_{};
  Requests requests_{};
  std::array<BmsRegister, kValues> registers_{};
  std::array<std::uint32_t, kValues> raw_{};

  BatteryPlausibility plausibility_;
  std::optional<BatteryMeasurement> measurement_;
  Micros measured_at_ = 0;
  std::optional<std::uint16_t> alarms_;
  Subject alarms_of_{};
};

}  // namespace alfaspark
