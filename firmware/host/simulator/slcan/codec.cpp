#include "simulator/slcan/codec.hpp"

#include <cstddef>

namespace alfaspark::sim {
namespace {

constexpr std::uint32_t kLastBaseId = 0x7FF;
constexpr std::uint32_t kLastExtendedId = 0x1FFFFFFF;

void append_hex(std::string& out, std::uint32_t value, int digits) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (int i = digits - 1; i >= 0; --i) out.push_back(kDigits[(value >> static_cast<unsigned>(4 * i)) & 0xFU]);
}

}  // namespace

std::optional<std::uint32_t> parse_hex(std::string_view digits) {
  if (digits.empty() || digits.size() > 8) return std::nullopt;
  std::uint32_t value = 0;
  for (const char digit : digits) {
    value <<= 4U;
    if (digit >= '0' && digit <= '9') {
      value |= static_cast<std::uint32_t>(digit - '0');
    } else if (digit >= 'A' && digit <= 'F') {
      value |= static_cast<std::uint32_t>(digit - 'A' + 10);
    } else if (digit >= 'a' && digit <= 'f') {
      value |= static_cast<std::uint32_t>(digit - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

std::optional<BusFrame> parse_slcan_frame(std::string_view line) {
  if (line.empty() || std::string_view("tTrR").find(line[0]) == std::string_view::npos) return std::nullopt;
  BusFrame frame;
  frame.can.extended = line[0] == 'T' || line[0] == 'R';
  frame.remote = line[0] == 'r' || line[0] == 'R';
  const std::size_t id_digits = frame.can.extended ? 8 : 3;
  if (line.size() < 1 + id_digits + 1) return std::nullopt;

  const auto id = parse_hex(line.substr(1, id_digits));
  const auto length = parse_hex(line.substr(1 + id_digits, 1));
  if (!id || *id > (frame.can.extended ? kLastExtendedId : kLastBaseId) || !length || *length > 8) return std::nullopt;
  frame.can.id = *id;
  frame.can.length = static_cast<std::uint8_t>(*length);

  const std::string_view data = line.substr(1 + id_digits + 1);
  if (data.size() != (frame.remote ? 0 : 2 * static_cast<std::size_t>(*length))) return std::nullopt;
  for (std::size_t i = 0; i < data.size() / 2; ++i) {
    const auto byte = parse_hex(data.substr(2 * i, 2));
    if (!byte) return std::nullopt;
    frame.can.data[i] = static_cast<std::uint8_t>(*byte);
  }
  return frame;
}

std::string format_slcan_frame(const BusFrame& frame, std::optional<std::uint16_t> timestamp_ms) {
  std::string line;
  line.push_back(frame.remote ? (frame.can.extended ? 'R' : 'r') : (frame.can.extended ? 'T' : 't'));
  append_hex(line, frame.can.id, frame.can.extended ? 8 : 3);
  append_hex(line, frame.can.length, 1);
  if (!frame.remote) {
    for (const std::uint8_t byte : frame.can.payload()) append_hex(line, byte, 2);
  }
  if (timestamp_ms) append_hex(line, *timestamp_ms, 4);
  return line;
}

}  // namespace alfaspark::sim
