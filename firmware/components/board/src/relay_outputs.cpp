#include "alfaspark/board/relay_outputs.hpp"

#include "alfaspark/board/board_config.hpp"
#include "alfaspark/board/chip.hpp"
#include "esp_check.h"

namespace alfaspark::board {
namespace {

/// The new level first, then the hold is lifted and set again: the pin goes from one level to the other and nowhere
/// else.
void drive(const RelayOutput& output, bool closed) {
  ESP_ERROR_CHECK(gpio_set_level(output.pin, level_of(output.wiring, closed) ? 1 : 0));
  ESP_ERROR_CHECK(gpio_hold_dis(output.pin));
  ESP_ERROR_CHECK(gpio_hold_en(output.pin));
}

}  // namespace

void RelayOutputs::start(bool kept) {
  is_kept_ = kept;
  closed_ = kept ? kept_relay_positions() : 0;
  for (std::size_t relay = 0; relay < kRelayOutputs.size(); ++relay) {
    const RelayOutput& output = kRelayOutputs[relay];
    if (!kept && output.wiring.normally_closed) closed_ = static_cast<std::uint8_t>(closed_ | 1U << relay);
    // Level before direction: the pin never shows another one.
    ESP_ERROR_CHECK(gpio_set_level(output.pin, level_of(output.wiring, is_closed(relay)) ? 1 : 0));
    gpio_config_t config{};
    config.pin_bit_mask = 1ULL << output.pin;
    config.mode = GPIO_MODE_OUTPUT;
    config.pull_up_en = GPIO_PULLUP_DISABLE;
    config.pull_down_en = GPIO_PULLDOWN_DISABLE;
    config.intr_type = GPIO_INTR_DISABLE;
    ESP_ERROR_CHECK(gpio_config(&config));
    drive(output, is_closed(relay));
  }
  keep_relay_positions(closed_);
}

void RelayOutputs::set(std::size_t relay, bool closed) {
  if (relay >= kRelayOutputs.size()) return;
  const auto mask = static_cast<std::uint8_t>(1U << relay);
  closed_ = static_cast<std::uint8_t>(closed ? closed_ | mask : closed_ & ~mask);
  // Kept first: a restart between the two finds the position that was wanted, and brings the pin to it.
  keep_relay_positions(closed_);
  drive(kRelayOutputs[relay], closed);
}

}  // namespace alfaspark::board
