#include "simulator/slcan/adapter.hpp"

#include <array>
#include <cstdio>

#include "simulator/slcan/codec.hpp"

namespace alfaspark::sim {
namespace {

constexpr char kReturn = '\r';
constexpr char kBell = '\a';
constexpr std::size_t kLongestLine = 32;  // the longest command is T with 8 + 1 + 16 digits
constexpr std::array<std::uint32_t, 10> kBitRates = {10'000,  20'000,  50'000,  100'000,   125'000,
                                                     250'000, 500'000, 750'000, 1'000'000, 83'300};

/// From the bit timing registers of an SJA1000 with its 16 MHz crystal.
std::uint32_t bit_rate_of_registers(std::uint32_t btr) {
  const std::uint32_t prescaler = ((btr >> 8U) & 0x3FU) + 1;
  const std::uint32_t quanta = 1 + ((btr & 0xFU) + 1) + (((btr >> 4U) & 0x7U) + 1);
  return 8'000'000 / (prescaler * quanta);
}

}  // namespace

SlcanAdapter::~SlcanAdapter() {
  if (attached_) bus_.detach(*this);
}

void SlcanAdapter::receive(std::string& input) {
  std::size_t taken = 0;
  while (taken < input.size() && has_room()) {
    const char character = input[taken++];
    if (character == '\n') continue;
    if (character != kReturn) {
      if (line_.size() < kLongestLine) {
        line_.push_back(character);
      } else {
        line_too_long_ = true;
      }
      continue;
    }
    execute(line_);
    line_.clear();
    line_too_long_ = false;
  }
  input.erase(0, taken);
}

void SlcanAdapter::execute(std::string_view line) {
  const Answer answer = line_too_long_ ? Answer::kRefused : answer_to(line);
  if (answer != Answer::kGiven) output_.push_back(answer == Answer::kDone ? kReturn : kBell);
}

SlcanAdapter::Answer SlcanAdapter::answer_to(std::string_view line) {
  if (line.empty()) return Answer::kDone;
  switch (line[0]) {
    case 't':
    case 'T':
    case 'r':
    case 'R':
      return send_frame(line);
    case 'O':
    case 'L':
      return line.size() == 1 ? open_channel(line[0] == 'L') : Answer::kRefused;
    case 'C':
      if (line.size() != 1) return Answer::kRefused;
      hang_up();
      return Answer::kDone;
    case 'S':
    case 's':
      return set_bit_rate(line);
    case 'Z':
      if (open_ || (line != "Z0" && line != "Z1")) return Answer::kRefused;
      timestamps_ = line == "Z1";
      return Answer::kDone;
    case 'F':
      return status_flags();
    case 'V':
      output_.append("V1013\r");
      return Answer::kGiven;
    case 'N':
      output_.append("NSIM1\r");
      return Answer::kGiven;
    default:
      return Answer::kRefused;
  }
}

SlcanAdapter::Answer SlcanAdapter::set_bit_rate(std::string_view line) {
  const auto value = parse_hex(line.substr(1));
  if (open_ || !value) return Answer::kRefused;
  if (line[0] == 'S') {
    if (line.size() != 2 || *value >= kBitRates.size()) return Answer::kRefused;
    bit_rate_bps_ = kBitRates.at(*value);
  } else {
    if (line.size() != 5) return Answer::kRefused;
    bit_rate_bps_ = bit_rate_of_registers(*value);
  }
  return Answer::kDone;
}

SlcanAdapter::Answer SlcanAdapter::open_channel(bool listen_only) {
  if (open_) return Answer::kDone;
  open_ = true;
  listen_only_ = listen_only;
  if (bit_rate_bps_ != kBitRateBps && !said_deaf_) {
    said_deaf_ = true;
    std::fprintf(stderr, "slcan: a client opened the bus at %u bit/s, but it runs at %d: it will hear nothing\n",
                 static_cast<unsigned>(bit_rate_bps_), kBitRateBps);
  }
  if (!attached_) {
    bus_.attach(*this, 0);
    attached_ = true;
  }
  return Answer::kDone;
}

SlcanAdapter::Answer SlcanAdapter::send_frame(std::string_view line) {
  const auto frame = parse_slcan_frame(line);
  if (!frame || !open_ || listen_only_ || bit_rate_bps_ != kBitRateBps) return Answer::kRefused;
  queue_.push_back(*frame);
  offer_next();
  output_.append(frame->can.extended ? "Z\r" : "z\r");
  return Answer::kGiven;
}

/// Bits as in the SJA1000: 2 error warning, 5 error passive, 7 bus error.
SlcanAdapter::Answer SlcanAdapter::status_flags() {
  if (!open_) return Answer::kRefused;
  unsigned flags = 0;
  if (transmit_errors() >= 96) flags |= 1U << 2U;
  if (transmit_errors() >= 128) flags |= 1U << 5U;
  if (is_bus_off()) flags |= 1U << 7U;
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "F%02X\r", flags);
  output_.append(text.data());
  return Answer::kGiven;
}

void SlcanAdapter::hang_up() {
  open_ = false;
  leave_when_idle();
}

/// A closed adapter does not acknowledge either.
void SlcanAdapter::leave_when_idle() {
  if (open_ || !attached_ || !is_idle()) return;
  bus_.detach(*this);
  attached_ = false;
}

void SlcanAdapter::offer_next() {
  if (!queue_.empty() && !is_sending()) bus_.offer(*this, queue_.front(), false);
}

void SlcanAdapter::on_frame(const BusFrame& frame) {
  if (!open_ || bit_rate_bps_ != kBitRateBps) return;
  std::optional<std::uint16_t> timestamp_ms;
  if (timestamps_) timestamp_ms = static_cast<std::uint16_t>(timeline_.now() / kMillisecond % 60'000);
  output_.append(format_slcan_frame(frame, timestamp_ms));
  output_.push_back(kReturn);
}

void SlcanAdapter::on_transmitted(bool /*sent*/) {
  queue_.pop_front();
  offer_next();
  leave_when_idle();
}

void SlcanAdapter::on_bus_off() { bus_.recover(*this); }

void SlcanAdapter::on_recovered() { offer_next(); }

}  // namespace alfaspark::sim
