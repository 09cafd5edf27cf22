#include "alfaspark/settings/record_content.hpp"

namespace alfaspark::record_content {
namespace {

constexpr std::uint8_t low(std::uint32_t value) { return static_cast<std::uint8_t>(value & 0xFFU); }
constexpr std::uint8_t high(std::uint32_t value) { return static_cast<std::uint8_t>(value >> 8U & 0xFFU); }
constexpr std::uint16_t word(std::uint8_t low_byte, std::uint8_t high_byte) {
  return static_cast<std::uint16_t>(low_byte | high_byte << 8U);
}

enum Decision : std::uint8_t { kNone = 0, kOpen = 1, kClosed = 2 };

}  // namespace

std::array<std::uint8_t, 4> of_value(std::int32_t value) {
  const auto bits = static_cast<std::uint32_t>(value);
  return {low(bits), high(bits), low(bits >> 16U), high(bits >> 16U)};
}

std::int32_t to_value(const std::array<std::uint8_t, 4>& content) {
  const std::uint32_t upper = word(content[2], content[3]);
  return static_cast<std::int32_t>(upper << 16U | word(content[0], content[1]));
}

std::array<std::uint8_t, 5> of_window(const std::optional<Window>& window) {
  if (!window) return {};
  return {low(window->start_min), high(window->start_min), low(window->end_min), high(window->end_min),
          window->weekdays};
}

std::optional<Window> to_window(const std::array<std::uint8_t, 5>& content, bool& is_valid) {
  constexpr int kDay = 1440;
  constexpr int kEveryDay = 0x7F;
  if (content == std::array<std::uint8_t, 5>{}) return std::nullopt;
  const Window window{word(content[0], content[1]), word(content[2], content[3]), content[4]};
  const bool can_be = window.start_min < kDay && window.end_min >= 1 && window.end_min <= kDay &&
                      window.start_min != window.end_min && window.weekdays >= 1 && window.weekdays <= kEveryDay;
  if (can_be) return window;
  is_valid = false;
  return std::nullopt;
}

std::array<std::uint8_t, 2> of_manual(const ManualRelays& manual) { return {manual.closed, manual.reset}; }

ManualRelays to_manual(const std::array<std::uint8_t, 2>& content) {
  return {.closed = content[0], .reset = content[1]};
}

std::array<std::uint8_t, 3> of_positions(const RelayPositions& positions) {
  const auto decision = !positions.self_consumption_closed   ? kNone
                        : *positions.self_consumption_closed ? kClosed
                                                             : kOpen;
  return {positions.closed, positions.eco_shed, decision};
}

RelayPositions to_positions(const std::array<std::uint8_t, 3>& content) {
  RelayPositions positions{.closed = content[0], .eco_shed = content[1]};
  if (content[2] == kOpen) positions.self_consumption_closed = false;
  if (content[2] == kClosed) positions.self_consumption_closed = true;
  return positions;
}

std::array<std::uint8_t, 6> of_latch(const ImportLatch& latch) {
  const auto day = latch.import_day.value_or(0);
  return {static_cast<std::uint8_t>(latch.is_exhausted ? 1 : 0),
          static_cast<std::uint8_t>(latch.import_day ? 1 : 0),
          low(day),
          high(day),
          low(latch.import_10wh),
          high(latch.import_10wh)};
}

ImportLatch to_latch(const std::array<std::uint8_t, 6>& content) {
  ImportLatch latch{.is_exhausted = content[0] != 0};
  if (content[1] != 0) latch.import_day = word(content[2], content[3]);
  latch.import_10wh = word(content[4], content[5]);
  return latch;
}

}  // namespace alfaspark::record_content
