// A BMS outside the simulator: on a serial device, or Modbus RTU over TCP.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "simulator/bms/bms_line.hpp"
#include "simulator/net/descriptor.hpp"
#include "simulator/net/tcp.hpp"

namespace alfaspark::sim {

/// Lost connections are opened again, once a second.
class ExternalBms final : public BmsLine, public Pollable {
 public:
  /// "socket://HOST:PORT" or the path of a serial device. Throws std::runtime_error with a sentence for the user.
  explicit ExternalBms(const std::string& url);

  void set_baud_rate(std::uint32_t baud_rate) override;
  void write(std::span<const std::uint8_t> bytes) override;

  [[nodiscard]] int fd() const override { return line_.get(); }
  [[nodiscard]] short events() const override;
  void on_ready(short reported) override;
  /// Opens the line again where it was lost and the time has come.
  void pump();

  /// It answers in real time: whoever runs virtual time faster should let it stand while this is true. A BMS that did
  /// not answer three times is not waited for until it does.
  [[nodiscard]] bool is_answering() const;

 private:
  [[nodiscard]] Descriptor open() const;
  void lose(const std::string& reason);

  std::string url_;
  std::variant<std::string, Endpoint> target_;  ///< a device's path, or where to connect to
  Descriptor line_;
  std::uint32_t baud_rate_ = 9600;
  WallClock::time_point try_again_at_;
  WallClock::time_point asked_at_;
  WallClock::time_point heard_at_;
  bool unanswered_ = false;
  bool in_answer_ = false;
  int missed_answers_ = 0;
};

}  // namespace alfaspark::sim
