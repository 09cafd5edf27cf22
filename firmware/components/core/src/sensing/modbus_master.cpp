#include "alfaspark/sensing/modbus_master.hpp"

#include <algorithm>

namespace alfaspark {

namespace {

constexpr std::size_t kRequestLength = 8;
constexpr std::size_t kExceptionLength = 5;
constexpr std::uint8_t kLastReadFunction = 4;
constexpr std::uint8_t kExceptionFlag = 0x80;
// Above 19200 bit/s the standard fixes the pause between frames.
constexpr std::uint32_t kFixedPauseAbove = 19200;
constexpr Micros kFixedPause = 1750;
// The standard counts a character as 11 bits; with 8N1 that errs to the safe side.
constexpr std::int64_t kBitsPerCharacter = 11;

std::uint8_t low(std::uint16_t value) { return static_cast<std::uint8_t>(value & 0xFFU); }
std::uint8_t high(std::uint16_t value) { return static_cast<std::uint8_t>(value >> 8U); }

bool crc_fits(std::span<const std::uint8_t> frame) {
  const std::uint16_t crc = modbus_crc(frame.first(frame.size() - 2));
  return frame[frame.size() - 2] == low(crc) && frame[frame.size() - 1] == high(crc);
}

bool can_be_read(const ModbusRead& read) {
  if (read.function == 0 || read.function > kLastReadFunction || read.count == 0) return false;
  return read.reads_bits() || read.count <= ModbusMaster::kMaximumRegisters;
}

}  // namespace

std::uint16_t modbus_crc(std::span<const std::uint8_t> bytes) {
  unsigned crc = 0xFFFF;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1U) ^ 0xA001U : crc >> 1U;
  }
  return static_cast<std::uint16_t>(crc);
}

Micros ModbusMaster::characters(std::size_t count) const {
  return static_cast<Micros>(count) * kBitsPerCharacter * kSecond / static_cast<Micros>(baud_rate_);
}

void ModbusMaster::set_line(std::uint32_t baud_rate, std::uint16_t min_pause_ms, Micros timeout) {
  baud_rate_ = baud_rate;
  timeout_ = timeout;
  const Micros standard = baud_rate > kFixedPauseAbove ? kFixedPause : characters(7) / 2;
  pause_ = std::max(standard, min_pause_ms * kMillisecond);
  port_.set_baud_rate(baud_rate);
}

bool ModbusMaster::line_ready(Micros now, const ModbusRead& read) const {
  if (status_ == Status::kWaiting) return false;
  if (line_busy_until_ && now < *line_busy_until_ + pause_) return false;
  return !unanswered_ || *unanswered_ == read || now >= late_until_;
}

bool ModbusMaster::request(Micros now, const ModbusRead& read) {
  if (!can_be_read(read) || !line_ready(now, read)) return false;
  std::array<std::uint8_t, kRequestLength> frame{
      read.unit, read.function, high(read.address), low(read.address), 0, read.count, 0, 0};
  const std::uint16_t crc = modbus_crc(std::span(frame).first(kRequestLength - 2));
  frame[kRequestLength - 2] = low(crc);
  frame[kRequestLength - 1] = high(crc);
  if (!port_.write(frame)) return false;
  read_ = read;
  status_ = Status::kWaiting;
  length_ = 0;
  line_busy_until_ = now + characters(kRequestLength);
  deadline_ = *line_busy_until_ + timeout_ + characters(kFrame + read.data_bytes());
  return true;
}

void ModbusMaster::on_bytes(Micros now, std::span<const std::uint8_t> bytes) {
  tick(now);
  if (!bytes.empty()) line_busy_until_ = std::max(line_busy_until_.value_or(now), now);
  for (const std::uint8_t byte : bytes) {
    if (status_ != Status::kWaiting) return;
    take(byte);
  }
}

void ModbusMaster::take(std::uint8_t byte) {
  // Answers are looked for at the end of what came, so that garbage before one, or its pieces, need no gaps to be told.
  if (length_ == received_.size()) {
    std::copy(received_.begin() + 1, received_.end(), received_.begin());
    --length_;
  }
  received_[length_++] = byte;
  if (ends_with_answer()) {
    status_ = Status::kAnswered;
  } else if (ends_with_exception()) {
    status_ = Status::kException;
    exception_code_ = received_[length_ - 3];
  }
}

bool ModbusMaster::ends_with_answer() const {
  const std::size_t size = kFrame + read_.data_bytes();
  if (length_ < size) return false;
  const auto frame = std::span(received_).subspan(length_ - size, size);
  return frame[0] == read_.reply_unit.value_or(read_.unit) && frame[1] == read_.function &&
         frame[2] == read_.data_bytes() && crc_fits(frame);
}

bool ModbusMaster::ends_with_exception() const {
  if (length_ < kExceptionLength) return false;
  const auto frame = std::span(received_).subspan(length_ - kExceptionLength, kExceptionLength);
  return frame[0] == read_.reply_unit.value_or(read_.unit) && frame[1] == (read_.function | kExceptionFlag) &&
         frame[2] != 0 && crc_fits(frame);
}

void ModbusMaster::tick(Micros now) {
  if (status_ != Status::kWaiting || now < deadline_) return;
  status_ = Status::kTimedOut;
  unanswered_ = read_;
  late_until_ = now + kLateAnswer;
}

std::uint8_t ModbusMaster::data_at(std::size_t index) const {
  return received_[length_ - 2 - read_.data_bytes() + index];
}

std::uint16_t ModbusMaster::register_at(std::size_t index) const {
  return static_cast<std::uint16_t>((data_at(2 * index) << 8U) | data_at(2 * index + 1));
}

bool ModbusMaster::bit_at(std::size_t index) const {
  const unsigned bits = read_.reads_bits() ? unsigned{data_at(index / 8)} >> (index % 8)
                                           : unsigned{register_at(index / 16)} >> (index % 16);
  return (bits & 1U) != 0;
}

}  // namespace alfaspark
