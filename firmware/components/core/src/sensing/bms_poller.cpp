#include "alfaspark/sensing/bms_poller.hpp"

#include <algorithm>

namespace alfaspark {

namespace {

constexpr std::uint8_t kTries = 3;
constexpr Micros kFirstBackOff = 100 * kMillisecond;  // doubles with every failure
constexpr int kLongestRead = 8;  // registers; a hole in a map may be refused, so only close ones share a request

float to_value(const BmsRegister& source, std::uint16_t raw) {
  const std::int32_t number = source.is_signed ? static_cast<std::int16_t>(raw) : static_cast<std::int32_t>(raw);
  const float value = static_cast<float>(number - source.offset) * source.scale;
  return source.invert_sign ? -value : value;
}

/// Widens `read` to contain the register. False, and nothing changes, if that does not fit one request.
bool widen(ModbusRead& read, const BmsRegister& source) {
  if (read.function != source.function) return false;
  const int first = std::min<int>(read.address, source.address);
  const int last = std::max<int>(read.address + read.count - 1, source.address);
  if (last - first + 1 > kLongestRead) return false;
  read.address = static_cast<std::uint16_t>(first);
  read.count = static_cast<std::uint8_t>(last - first + 1);
  return true;
}

}  // namespace

BmsPoller::BmsPoller(SerialPort& port, const Parameters& parameters, std::span<const BmsProfile> profiles)
    : master_(port), parameters_(parameters), profiles_(profiles) {}

void BmsPoller::start(Micros now) {
  poll_at_ = now;
  request_at_ = now;
}

BmsPoller::Requests BmsPoller::plan(const BmsProfile& profile, std::uint8_t unit) {
  Requests requests;
  for (const BmsRegister& source : {profile.voltage, profile.current, profile.soc}) {
    if (source.function == 0) continue;
    bool placed = false;
    for (std::size_t i = 0; i < requests.count && !placed; ++i) placed = widen(requests.reads[i], source);
    if (!placed) requests.reads[requests.count++] = {unit, source.function, source.address, 1};
  }
  return requests;
}

void BmsPoller::tick(Micros now) {
  master_.tick(now);
  judge(now);
  if (!waiting_ && now >= request_at_) send(now);
  if (measurement_ && now - measured_at_ >= kLost) measurement_.reset();
}

void BmsPoller::on_bytes(Micros now, std::span<const std::uint8_t> bytes) {
  master_.on_bytes(now, bytes);
  judge(now);
}

void BmsPoller::send(Micros now) {
  if (failures_ == 0 && next_read_ == 0) {
    const auto index = static_cast<std::size_t>(parameters_.get(Parameter::kBmsProfile));
    const BmsProfile& profile = profiles_[index < profiles_.size() ? index : 0];
    registers_ = {profile.voltage, profile.current, profile.soc};
    requests_ = plan(profile, static_cast<std::uint8_t>(parameters_.get(Parameter::kBmsAddress)));
    master_.set_line(profile.baud_rate, profile.min_pause_ms);
  }
  waiting_ = master_.request(now, requests_.reads[next_read_]);
}

void BmsPoller::judge(Micros now) {
  if (!waiting_ || master_.status() == ModbusMaster::Status::kWaiting) return;
  waiting_ = false;
  if (master_.status() == ModbusMaster::Status::kAnswered) {
    on_answer(now);
  } else {
    on_failure(now);
  }
}

void BmsPoller::on_answer(Micros now) {
  keep_values(requests_.reads[next_read_]);
  request_at_ = now;
  if (++next_read_ < requests_.count) return;
  next_read_ = 0;
  const BatteryMeasurement measurement{values_[0], values_[1], values_[2]};
  if (!plausibility_.accept(now, measurement)) {
    on_failure(now);
    return;
  }
  measurement_ = measurement;
  measured_at_ = now;
  finish(now);
}

void BmsPoller::keep_values(const ModbusRead& read) {
  for (std::size_t i = 0; i < kRegisters; ++i) {
    const BmsRegister& source = registers_[i];
    const int index = source.address - read.address;
    if (source.function == 0) {
      values_[i].reset();
    } else if (source.function == read.function && index >= 0 && index < read.count) {
      values_[i] = to_value(source, master_.register_at(static_cast<std::size_t>(index)));
    }
  }
}

void BmsPoller::on_failure(Micros now) {
  ++failures_;
  if (failures_ == kTries) {
    finish(now);
    return;
  }
  request_at_ = now + (kFirstBackOff << (failures_ - 1U));
}

void BmsPoller::finish(Micros now) {
  failures_ = 0;
  next_read_ = 0;
  while (poll_at_ <= now) poll_at_ += kPeriod;
  request_at_ = poll_at_;
}

}  // namespace alfaspark
