#include "simulator/bms/simulated_bms.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace alfaspark::sim {
namespace {

constexpr std::uint8_t kUnit = 1;
constexpr std::size_t kLongestRequest = 256;

}  // namespace

SimulatedBms::SimulatedBms(Timeline& timeline, Random random, std::function<BmsReading()> reading)
    : timeline_(timeline), random_(random), reading_(std::move(reading)) {}

void SimulatedBms::write(std::span<const std::uint8_t> bytes) {
  if (baud_rate_ != kBaudRate) return;
  if (timeline_.now() > line_free_at_ + kFrameGap) request_.clear();
  if (request_.size() + bytes.size() <= kLongestRequest) request_.insert(request_.end(), bytes.begin(), bytes.end());
  line_free_at_ = std::max(line_free_at_, timeline_.now()) + static_cast<Micros>(bytes.size()) * kCharacterTime;
  timeline_.at(line_free_at_ + kFrameGap, [this, exchange = ++exchange_] {
    if (exchange == exchange_) on_frame();
  });
}

void SimulatedBms::on_frame() {
  const std::optional<Bytes> frame = reply();
  request_.clear();
  if (!frame) return;
  reply_ = *frame;
  timeline_.after(kThinkingTime + kCharacterTime, [this, exchange = exchange_] {
    if (exchange == exchange_) send_from(0);
  });
}

std::array<std::uint16_t, 2> SimulatedBms::registers() const {
  const BmsReading reading = reading_();
  const double decivolts = std::clamp(std::round(reading.voltage_v * 10.0), 0.0, 65535.0);
  const double centiamperes = std::clamp(std::round(reading.current_a * 100.0), -32768.0, 32767.0);
  return {static_cast<std::uint16_t>(decivolts), static_cast<std::uint16_t>(static_cast<std::int16_t>(centiamperes))};
}

std::optional<Bytes> SimulatedBms::reply() {
  const ModbusSlave slave(kUnit);
  std::optional<Bytes> frame = slave.answer(request_, registers());
  if (!frame) return std::nullopt;
  switch (behaviour_) {
    case BmsBehaviour::kOk:
      break;
    case BmsBehaviour::kSilent:
      return std::nullopt;
    case BmsBehaviour::kCrc:
      frame->back() ^= 0x55U;
      break;
    case BmsBehaviour::kException:
      return slave.refuse(request_, ModbusException::kDeviceFailure);
    case BmsBehaviour::kGarbage:
      return garbage();
  }
  return frame;
}

Bytes SimulatedBms::garbage() {
  Bytes bytes(1 + random_.next() % 24);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_.next());
  return bytes;
}

void SimulatedBms::send_from(std::size_t position) {
  const std::uint64_t exchange = exchange_;
  deliver(std::span(reply_).subspan(position, 1));
  if (exchange != exchange_ || position + 1 == reply_.size()) return;
  timeline_.after(kCharacterTime, [this, position, exchange] {
    if (exchange == exchange_) send_from(position + 1);
  });
}

}  // namespace alfaspark::sim
