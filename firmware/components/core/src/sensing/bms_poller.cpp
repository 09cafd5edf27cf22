#include "alfaspark/sensing/bms_poller.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark {

namespace {

constexpr std::uint8_t kTries = 3;
constexpr Micros kFirstBackOff = 100 * kMillisecond;  // doubles with every failure
constexpr int kLongestRead = 8;       // registers; a hole in a map may be refused, so only close ones share a request
constexpr std::int32_t kFromBms = 1;  // parameter soc_source

float to_value(const BmsRegister& source, std::uint32_t raw) {
  std::int64_t number = raw & source.mask;
  if (source.is_signed) number = source.words == 1 ? static_cast<std::int16_t>(raw) : static_cast<std::int32_t>(raw);
  const float value = static_cast<float>(number - source.offset) * source.scale;
  return source.invert_sign ? -value : value;
}

/// Widens `read` to contain the register. False, and nothing changes, if that does not fit one request.
bool widen(ModbusRead& read, const BmsRegister& source) {
  if (read.function != source.function) return false;
  const int first = std::min<int>(read.address, source.address);
  const int end = std::max<int>(read.address + read.count, source.address + source.words);
  if (end - first > kLongestRead) return false;
  read.address = static_cast<std::uint16_t>(first);
  read.count = static_cast<std::uint8_t>(end - first);
  return true;
}

}  // namespace

BmsPoller::BmsPoller(SerialPort& port, const Parameters& parameters, std::span<const BmsProfile> profiles)
    : master_(port), parameters_(parameters), profiles_(profiles) {}

void BmsPoller::start(Micros now) {
  poll_at_ = now;
  request_at_ = now;
}

void BmsPoller::tick(Micros now) {
  master_.tick(now);
  judge(now);
  if (!waiting_ && now >= request_at_) send(now);
  if (measurement_ && now - measured_at_ >= kLost) {
    measurement_.reset();
    alarms_.reset();
  }
}

void BmsPoller::on_bytes(Micros now, std::span<const std::uint8_t> bytes) {
  master_.on_bytes(now, bytes);
  judge(now);
}

void BmsPoller::send(Micros now) {
  if (failures_ == 0 && next_read_ == 0) begin_poll();
  waiting_ = master_.request(now, requests_.reads[next_read_]);
}

void BmsPoller::begin_poll() {
  const auto index = static_cast<std::size_t>(parameters_.get(Parameter::kBmsProfile));
  const Subject subject{.profile = index < profiles_.size() ? index : 0,
                        .address = static_cast<std::uint8_t>(parameters_.get(Parameter::kBmsAddress))};
  // What another BMS, or another reading of this one, measured says nothing of what this one may.
  if (subject != subject_) plausibility_ = {};
  subject_ = subject;
  profile_ = profiles_[subject.profile];
  plan();
  master_.set_line(profile_.baud_rate, profile_.min_pause_ms, profile_.timeout_ms * kMillisecond);
}

void BmsPoller::plan() {
  const BmsDirection& direction = profile_.direction;
  const bool asks_soc = parameters_.get(Parameter::kSocSource) == kFromBms;
  registers_ = {profile_.voltage, profile_.current, asks_soc ? profile_.soc : BmsRegister{},
                BmsRegister{.function = direction.function, .address = direction.address}};
  requests_ = {};
  for (const BmsRegister& source : registers_) add(source);
  requests_.values = requests_.count;
  const BmsAlarms& alarms = profile_.alarms;
  if (alarms.function != 0) {
    ModbusRead& read = requests_.reads[requests_.count++];
    read.function = alarms.function;
    read.address = alarms.address;
    read.count = alarms.count;
  }
  for (std::size_t i = 0; i < requests_.count; ++i) {
    ModbusRead& read = requests_.reads[i];
    read.unit = static_cast<std::uint8_t>(profile_.unit_base + subject_.address);
    read.reply_unit = static_cast<std::uint8_t>(profile_.reply_unit_base + subject_.address);
  }
}

void BmsPoller::add(const BmsRegister& source) {
  if (source.function == 0) return;
  for (std::size_t i = 0; i < requests_.count && !profile_.single_reads; ++i) {
    if (widen(requests_.reads[i], source)) return;
  }
  ModbusRead& read = requests_.reads[requests_.count++];
  read.function = source.function;
  read.address = source.address;
  read.count = source.words;
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
  request_at_ = now;
  if (next_read_ < requests_.values) {
    keep_values(requests_.reads[next_read_]);
  } else {
    keep_alarms();
  }
  ++next_read_;
  if (next_read_ == requests_.values) {
    const BatteryMeasurement measurement = to_measurement();
    if (!plausibility_.accept(now, measurement)) {
      next_read_ = 0;
      on_failure(now);
      return;
    }
    keep_measurement(now, measurement);
  }
  if (next_read_ == requests_.count) finish(now);
}

void BmsPoller::keep_values(const ModbusRead& read) {
  for (std::size_t i = 0; i < kValues; ++i) {
    const BmsRegister& source = registers_[i];
    const int index = source.address - read.address;
    if (source.function != read.function || index < 0 || index + source.words > read.count) continue;
    const auto first = static_cast<std::size_t>(index);
    raw_[i] = master_.register_at(first);
    if (source.words == 1) continue;
    const std::uint32_t second = master_.register_at(first + 1);
    raw_[i] = source.low_word_first ? (second << 16U) | raw_[i] : (raw_[i] << 16U) | second;
  }
}

BatteryMeasurement BmsPoller::to_measurement() const {
  const auto value = [this](Value which) -> std::optional<float> {
    if (registers_[which].function == 0) return std::nullopt;
    return to_value(registers_[which], raw_[which]);
  };
  BatteryMeasurement measurement{.voltage_v = value(kVoltage), .current_a = value(kCurrent), .soc_pct = value(kSoc)};
  const BmsDirection& direction = profile_.direction;
  if (measurement.current_a && direction.function != 0) {
    const float amount_a = std::abs(*measurement.current_a);
    if (raw_[kDirection] == direction.charging) measurement.current_a = amount_a;
    if (raw_[kDirection] == direction.discharging) measurement.current_a = -amount_a;
  }
  return measurement;
}

void BmsPoller::keep_measurement(Micros now, const BatteryMeasurement& measurement) {
  measurement_ = measurement;
  measured_at_ = now;
  failures_ = 0;
}

void BmsPoller::keep_alarms() {
  std::uint16_t alarms = 0;
  for (const auto& [bit, alarm] : profile_.alarms.bits) {
    if (master_.bit_at(bit)) alarms = static_cast<std::uint16_t>(alarms | frames::bit(alarm));
  }
  alarms_ = alarms;
  alarms_of_ = subject_;
}

void BmsPoller::on_failure(Micros now) {
  ++failures_;
  const bool asked_alarms = next_read_ >= requests_.values;
  if (failures_ == kTries || asked_alarms) {
    finish(now);
    return;
  }
  request_at_ = now + (kFirstBackOff << (failures_ - 1U));
}

void BmsPoller::finish(Micros now) {
  // Once a new BMS measures, the alarms of the one before are nobody's.
  const bool measured = next_read_ >= requests_.values;
  if (measured && alarms_of_ != subject_) alarms_.reset();
  failures_ = 0;
  next_read_ = 0;
  while (poll_at_ <= now) poll_at_ += kPeriod;
  request_at_ = poll_at_;
}

}  // namespace alfaspark
