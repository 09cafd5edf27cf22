// A BMS for a BmsPoller to ask, and the two together.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "alfaspark/sensing/bms_poller.hpp"
#include "bench.hpp"
#include "catch.hpp"

namespace alfaspark::sensing_test {

/// A BMS on the other end of the line: answers the requests of `line`, after `latency`, as its mode says.
class FakeBms {
 public:
  enum class Mode { kOk, kSilent, kBadCrc, kException, kGarbage };

  FakeBms(Line& line, BmsPoller& poller) : line_(line), poller_(poller) {}

  void set_voltage(double voltage_v) { registers[0] = static_cast<std::uint16_t>(std::lround(voltage_v * 10.0)); }
  void set_current(double current_a) {
    registers[1] = static_cast<std::uint16_t>(static_cast<std::int16_t>(std::lround(current_a * 100.0)));
  }

  void run(Micros duration) {
    for (const Micros end = now + duration; now < end;) {
      now += kMillisecond;
      deliver();
      poller_.tick(now);
      for (; heard_ < line_.sent.size(); ++heard_) {
        requested_at.push_back(now);
        answers_.emplace(now + latency, answer(line_.sent[heard_]));
      }
    }
  }

  std::map<std::uint16_t, std::uint16_t> registers;
  std::map<std::uint16_t, bool> coils;
  std::optional<std::uint16_t> refused;  ///< the request that begins here gets an exception
  std::optional<std::uint16_t> unheard;  ///< the request that begins here gets no answer
  std::uint8_t unit = 1;
  std::optional<std::uint8_t> reply_unit;  ///< if it answers as another
  Mode mode = Mode::kOk;
  int failures = 0;  ///< so many requests go unanswered first
  Micros latency = 30 * kMillisecond;
  std::vector<Micros> requested_at;
  Micros now = 0;

 private:
  void deliver() {
    while (!answers_.empty() && answers_.begin()->first <= now) {
      const auto bytes = answers_.begin()->second;
      answers_.erase(answers_.begin());
      poller_.on_bytes(now, bytes);
    }
  }

  std::vector<std::uint8_t> answer(const std::vector<std::uint8_t>& request) {
    REQUIRE(request.size() == 8);
    if (mode == Mode::kSilent || request[0] != unit || failures-- > 0) return {};
    if (mode == Mode::kGarbage) return {0x01, 0x03, 0x04, 0xDE, 0xAD, 0xBE, 0xEF, 0x01, 0x02};
    const auto first = static_cast<std::uint16_t>((request[2] << 8) + request[3]);
    if (unheard == first) return {};
    std::vector<std::uint8_t> frame{reply_unit.value_or(unit), request[1]};
    if (mode == Mode::kException || refused == first) {
      frame[1] |= 0x80;
      frame.push_back(0x02);
    } else {
      append_values(frame, first, request[5]);
    }
    const std::uint16_t crc = modbus_crc(frame);
    frame.push_back(static_cast<std::uint8_t>(crc & 0xFF));
    frame.push_back(static_cast<std::uint8_t>((crc >> 8) ^ (mode == Mode::kBadCrc ? 1 : 0)));
    return frame;
  }

  void append_values(std::vector<std::uint8_t>& frame, std::uint16_t first, std::uint8_t count) {
    const bool bits = frame[1] <= 2;
    frame.push_back(static_cast<std::uint8_t>(bits ? (count + 7) / 8 : 2 * count));
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto address = static_cast<std::uint16_t>(first + i);
      if (!bits) {
        frame.push_back(static_cast<std::uint8_t>(registers[address] >> 8));
        frame.push_back(static_cast<std::uint8_t>(registers[address] & 0xFF));
        continue;
      }
      if (i % 8 == 0) frame.push_back(0);
      if (coils[address]) frame.back() = static_cast<std::uint8_t>(frame.back() | 1 << i % 8);
    }
  }

  Line& line_;
  BmsPoller& poller_;
  std::size_t heard_ = 0;
  std::multimap<Micros, std::vector<std::uint8_t>> answers_;
};

struct House {
  explicit House(std::span<const BmsProfile> profiles = kBmsProfiles) : poller(line, parameters, profiles) {
    bms.set_voltage(53.1);
    bms.set_current(-12.34);
    poller.start(0);
  }
  [[nodiscard]] float voltage() const { return poller.measurement()->voltage_v.value(); }
  [[nodiscard]] float current() const { return poller.measurement()->current_a.value(); }

  Line line;
  Parameters parameters;
  BmsPoller poller;
  FakeBms bms{line, poller};
};

}  // namespace alfaspark::sensing_test
