// Modbus RTU master for one request at a time, without waiting: reads bits (function 1 or 2) or 16-bit registers (3 or
// 4).
//
// RTU answers carry no transaction number, so an answer that comes after its timeout looks like the answer to whatever
// was asked next. Therefore, after a timeout, only the same request may follow (its late answer is as good); another
// one has to wait until a late answer is no longer to be expected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/ports.hpp"

namespace alfaspark {

/// CRC-16 of Modbus: polynomial 0xA001, start 0xFFFF; sent low byte first.
[[nodiscard]] std::uint16_t modbus_crc(std::span<const std::uint8_t> bytes);

struct ModbusRead {
  std::uint8_t unit = 1;
  std::uint8_t function = 3;
  std::uint16_t address = 0;
  std::uint8_t count = 1;                    ///< bits, 1 to 255, or registers, 1 to ModbusMaster::kMaximumRegisters
  std::optional<std::uint8_t> reply_unit{};  ///< of a device that answers as another
  bool operator==(const ModbusRead&) const = default;

  [[nodiscard]] bool reads_bits() const { return function == 1 || function == 2; }
  /// Of the values in an answer.
  [[nodiscard]] std::size_t data_bytes() const { return reads_bits() ? (count + 7U) / 8U : 2U * count; }
};

class ModbusMaster {
 public:
  static constexpr std::size_t kMaximumRegisters = 16;
  static constexpr Micros kTimeout = 100 * kMillisecond;  ///< of a device that is not known to need more
  static constexpr Micros kLateAnswer = kSecond;          ///< how long after a timeout an answer may still come

  enum class Status : std::uint8_t {
    kIdle,
    kWaiting,
    kAnswered,   ///< `register_at` or `bit_at` has the values
    kException,  ///< the device refused; `exception_code` says why
    kTimedOut,   ///< nothing valid came
  };

  explicit ModbusMaster(SerialPort& port) : port_(port) {}

  /// `min_pause_ms`: what the device needs between two frames, if more than the standard's 3.5 characters. `timeout`:
  /// from the end of a request to the begin of its answer.
  void set_line(std::uint32_t baud_rate, std::uint16_t min_pause_ms, Micros timeout = kTimeout);

  /// Sends the request. False, and nothing changes, while one is waiting, while the line is not quiet, while a late
  /// answer to another request may come, if the port takes nothing, or if function or count is out of range.
  bool request(Micros now, const ModbusRead& read);
  void on_bytes(Micros now, std::span<const std::uint8_t> bytes);
  void tick(Micros now);

  /// Of the last request.
  [[nodiscard]] Status status() const { return status_; }
  /// Valid while `status()` is kAnswered, to a request for registers; `index` below its count.
  [[nodiscard]] std::uint16_t register_at(std::size_t index) const;
  /// Valid while `status()` is kAnswered. To a request for registers bit 16 is the lowest of the second one.
  [[nodiscard]] bool bit_at(std::size_t index) const;
  [[nodiscard]] std::uint8_t exception_code() const { return exception_code_; }

 private:
  static constexpr std::size_t kFrame = 5;  ///< unit, function, length and CRC
  static constexpr std::size_t kMaximumAnswer = kFrame + 2 * kMaximumRegisters;

  [[nodiscard]] Micros characters(std::size_t count) const;
  [[nodiscard]] bool line_ready(Micros now, const ModbusRead& read) const;
  void take(std::uint8_t byte);
  [[nodiscard]] bool ends_with_answer() const;
  [[nodiscard]] bool ends_with_exception() const;
  [[nodiscard]] std::uint8_t data_at(std::size_t index) const;

  SerialPort& port_;
  std::uint32_t baud_rate_ = 9600;
  Micros pause_ = 0;
  Micros timeout_ = kTimeout;
  Status status_ = Status::kIdle;
  ModbusRead read_{};
  Micros deadline_ = 0;
  std::optional<Micros> line_busy_until_;  ///< end of the last character, sent or received
  std::optional<ModbusRead> unanswered_;   ///< timed out; its answer may come until `late_until_`
  Micros late_until_ = 0;
  std::uint8_t exception_code_ = 0;
  std::array<std::uint8_t, kMaximumAnswer> received_{};  ///< the last bytes; an answer ends at `length_`
  std::size_t length_ = 0;
};

}  // namespace alfaspark
