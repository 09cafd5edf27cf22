// What a pack needs from the world. The board layer implements these on the ESP32, the simulator and the tests on
// Linux.
//
// Every port is called from one task (the one that calls Pack) and must not block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace alfaspark {

/// Microseconds since the controller got its supply. Starts near 0 at every restart and never goes back.
using Micros = std::int64_t;

constexpr Micros kMillisecond = 1'000;
constexpr Micros kSecond = 1'000'000;

/// A classic CAN frame. `id` has 11 bits, or 29 where `extended`.
struct CanFrame {
  std::uint32_t id = 0;
  bool extended = false;
  std::uint8_t length = 0;
  std::array<std::uint8_t, 8> data{};

  [[nodiscard]] std::span<const std::uint8_t> payload() const { return std::span(data).first(length); }
};

/// The CAN controller: one frame in flight at a time; the queue is the pack's own, so that it can withdraw what is
/// stale.
class CanPort {
 public:
  /// Hands one frame to the controller, which reports its end by `Pack::on_can_transmitted`. Called only when no frame
  /// is in flight. `single_shot`: never repeated by the controller after an error. Returns false if not taken.
  virtual bool transmit(const CanFrame& frame, bool single_shot) = 0;
  /// Withdraws the frame in flight. True: it will never be sent, and no report follows. False: too late; it may still
  /// be sent, but is not repeated, and its report follows.
  virtual bool abort() = 0;
  /// Starts the recovery from bus-off (128 x 11 recessive bits); its end is reported by `Pack::on_can_recovered`.
  virtual void recover() = 0;

 protected:
  ~CanPort() = default;
};

/// The RS-485 line to the BMS, 8 data bits, no parity, one stop bit. Received bytes come by `Pack::on_bms_bytes`.
class SerialPort {
 public:
  /// Sets the speed in bit/s. Cheap when unchanged.
  virtual void set_baud_rate(std::uint32_t baud_rate) = 0;
  /// Queues bytes for sending; the driver switches the direction. Returns false if they were not taken.
  virtual bool write(std::span<const std::uint8_t> bytes) = 0;

 protected:
  ~SerialPort() = default;
};

/// The four relays, by position: the board knows polarity and contact type.
class RelayPort {
 public:
  /// Moves a relay (0 grid, 1 inverter output, 2 load 1, 3 load 2).
  virtual void set(std::size_t relay, bool closed) = 0;
  /// The position now. Relays keep their position over a software restart.
  [[nodiscard]] virtual bool is_closed(std::size_t relay) const = 0;
  /// Asked once, at start: whether the positions are those from before a software restart. False where the supply was
  /// lost, and the relays with it.
  [[nodiscard]] virtual bool kept_positions() const { return false; }

 protected:
  ~RelayPort() = default;
};

/// Memory that survives a power cut: small records by key, each written whole or not at all.
class StoragePort {
 public:
  /// Copies the record into `record`; returns its length in bytes, 0 if there is none or it does not fit.
  virtual std::size_t read(std::uint8_t key, std::span<std::uint8_t> record) = 0;
  /// Replaces the record. Returns false when the flash did not take it.
  virtual bool write(std::uint8_t key, std::span<const std::uint8_t> record) = 0;

 protected:
  ~StoragePort() = default;
};

/// Memory that a restart of the program does not clear (RestartCause::kSoftware and kWatchdog). After any other start
/// it may hold anything.
class RetainedPort {
 public:
  static constexpr std::size_t kSize = 512;  ///< bytes

  virtual void read(std::size_t at, std::span<std::uint8_t> bytes) const = 0;
  /// A restart may come in the middle: then some of the bytes are written.
  virtual void write(std::size_t at, std::span<const std::uint8_t> bytes) = 0;

 protected:
  ~RetainedPort() = default;
};

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Rgb&) const = default;
};

/// What the pack shows: bar (LED 0 first, colours at full brightness), three display characters, three LEDs.
struct Indication {
  std::array<Rgb, 10> bar{};
  std::uint8_t bar_brightness_pct = 100;
  std::array<char, 3> display{' ', ' ', ' '};
  bool green = false;
  bool yellow = false;
  bool red = false;
  bool operator==(const Indication&) const = default;
};

class IndicatorPort {
 public:
  /// Called only when something changed.
  virtual void show(const Indication& indication) = 0;

 protected:
  ~IndicatorPort() = default;
};

/// Why the controller started.
enum class RestartCause : std::uint8_t {
  kPowerOn,   ///< the supply came, or the reset button
  kSoftware,  ///< `SystemPort::restart`, or an update
  kWatchdog,  ///< a task was stuck, or the program crashed
  kBrownOut,  ///< the supply sagged
};

struct LastRestart {
  RestartCause cause = RestartCause::kPowerOn;
  std::uint8_t task = 0;  ///< of kWatchdog: the board's number of the task that was stuck, 0 if it is not known
};

/// The hardware random number generator, and the restart of the controller.
class SystemPort {
 public:
  virtual std::uint32_t random() = 0;
  /// Restarts the controller; relays keep their positions. May return: then the restart follows within milliseconds,
  /// and no further call is made.
  virtual void restart() = 0;
  /// Asked once, at start.
  [[nodiscard]] virtual LastRestart last_restart() const { return {}; }

 protected:
  ~SystemPort() = default;
};

struct Ports {
  CanPort& can;
  SerialPort& bms;
  RelayPort& relays;
  StoragePort& storage;
  IndicatorPort& indicators;
  SystemPort& system;
  RetainedPort& retained;
};

}  // namespace alfaspark
