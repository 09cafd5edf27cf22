// A BMS with the generic register map (unit 1, function 3: 0 voltage 0.1 V, 1 current 0.01 A) at 9600 baud.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "simulator/bms/bms_line.hpp"
#include "simulator/bms/modbus_slave.hpp"
#include "simulator/random.hpp"
#include "simulator/time/timeline.hpp"

namespace alfaspark::sim {

enum class BmsBehaviour : std::uint8_t {
  kOk,
  kSilent,
  kCrc,        ///< answers with a wrong CRC
  kException,  ///< answers with exception 4, device failure
  kGarbage,    ///< answers with random bytes
};

struct BmsReading {
  double voltage_v = 0.0;
  double current_a = 0.0;  ///< positive = charging
};

/// Its bytes take their time on the line, in both directions; it hears nothing at another speed than its own.
class SimulatedBms final : public BmsLine {
 public:
  static constexpr std::uint32_t kBaudRate = 9600;
  static constexpr Micros kCharacterTime = 10 * kSecond / kBaudRate;  ///< 8N1
  static constexpr Micros kFrameGap = 35 * kCharacterTime / 10;       ///< 3.5 characters end a frame
  static constexpr Micros kThinkingTime = 10 * kMillisecond;

  /// `reading` gives the values at the time of a request.
  SimulatedBms(Timeline& timeline, Random random, std::function<BmsReading()> reading);

  void set_baud_rate(std::uint32_t baud_rate) override { baud_rate_ = baud_rate; }
  void write(std::span<const std::uint8_t> bytes) override;
  void set_behaviour(BmsBehaviour behaviour) { behaviour_ = behaviour; }

 private:
  void on_frame();
  [[nodiscard]] std::array<std::uint16_t, 2> registers() const;
  [[nodiscard]] std::optional<Bytes> reply();
  [[nodiscard]] Bytes garbage();
  void send_from(std::size_t position);

  Timeline& timeline_;
  Random random_;
  std::function<BmsReading()> reading_;
  BmsBehaviour behaviour_ = BmsBehaviour::kOk;
  std::uint32_t baud_rate_ = 0;
  Bytes request_;
  Bytes reply_;
  Micros line_free_at_ = 0;
  std::uint64_t exchange_ = 0;  ///< new with every byte heard, so that what was under way ends
};

}  // namespace alfaspark::sim
