#include "alfaspark/board/indicator_panel.hpp"

#include <array>

#include "alfaspark/board/board_config.hpp"
#include "alfaspark/board/chip.hpp"
#include "alfaspark/board/pixel_bytes.hpp"
#include "alfaspark/board/segments.hpp"
#include "driver/rmt_encoder.h"
#include "esp_check.h"
#include "esp_log.h"
#include "esp_rom_sys.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "panel";
/// Drawn again so often even if nothing changed: a pixel or the display that a spike upset comes back.
constexpr TickType_t kRedraw = pdMS_TO_TICKS(1000);

// WS2812B data sheet, in ticks of 0.1 us: a 0 is 0.4 us high and 0.8 us low, a 1 the other way round; 50 us reset.
constexpr std::uint32_t kResolutionHz = 10'000'000;
constexpr unsigned kShortTicks = 4;
constexpr unsigned kLongTicks = 8;
constexpr int kDrawTimeoutMs = 20;

// TM1637 data sheet.
constexpr gpio_num_t kClock = pin(CONFIG_ALFASPARK_PIN_DISPLAY_CLK);
constexpr gpio_num_t kData = pin(CONFIG_ALFASPARK_PIN_DISPLAY_DIO);
constexpr std::uint8_t kWriteAndStepOn = 0x40;
constexpr std::uint8_t kFirstDigit = 0xC0;
constexpr std::uint8_t kOnAtHalfBrightness = 0x8C;
constexpr std::uint32_t kHalfBitUs = 5;

rmt_symbol_word_t symbol(unsigned high_ticks, unsigned low_ticks) {
  rmt_symbol_word_t word{};
  word.level0 = 1;
  word.duration0 = static_cast<std::uint16_t>(high_ticks);
  word.level1 = 0;
  word.duration1 = static_cast<std::uint16_t>(low_ticks);
  return word;
}

void configure_output(gpio_num_t number, gpio_mode_t mode) {
  gpio_config_t config{};
  config.pin_bit_mask = 1ULL << number;
  config.mode = mode;
  config.pull_up_en = GPIO_PULLUP_DISABLE;
  config.pull_down_en = GPIO_PULLDOWN_DISABLE;
  config.intr_type = GPIO_INTR_DISABLE;
  ESP_ERROR_CHECK(gpio_config(&config));
}

void set(gpio_num_t number, bool level) { ESP_ERROR_CHECK(gpio_set_level(number, level ? 1 : 0)); }

void wait() { esp_rom_delay_us(kHalfBitUs); }

void begin() {
  set(kData, false);
  wait();
  set(kClock, false);
}

void end() {
  set(kData, false);
  wait();
  set(kClock, true);
  wait();
  set(kData, true);
  wait();
}

/// Bit 0 first, then a clock for the acknowledgement, which is not asked for: a display that is not fitted is no fault.
void send(std::uint8_t byte) {
  for (int bit = 0; bit < 8; ++bit) {
    set(kData, (byte >> bit & 1U) != 0);
    wait();
    set(kClock, true);
    wait();
    set(kClock, false);
  }
  set(kData, true);
  wait();
  set(kClock, true);
  wait();
  set(kClock, false);
}

}  // namespace

void IndicatorPanel::start() {
  wanted_ = xQueueCreate(1, sizeof(Indication));
  ESP_ERROR_CHECK(wanted_ != nullptr ? ESP_OK : ESP_ERR_NO_MEM);
  start_outputs();
  start_bar();
}

void IndicatorPanel::start_outputs() {
  configure_output(pin(CONFIG_ALFASPARK_PIN_LED_GREEN), GPIO_MODE_OUTPUT);
  configure_output(pin(CONFIG_ALFASPARK_PIN_LED_YELLOW), GPIO_MODE_OUTPUT);
  configure_output(pin(CONFIG_ALFASPARK_PIN_LED_RED), GPIO_MODE_OUTPUT);
  // Open drain: the display pulls DIO down to acknowledge.
  set(kClock, true);
  set(kData, true);
  configure_output(kClock, GPIO_MODE_OUTPUT_OD);
  configure_output(kData, GPIO_MODE_OUTPUT_OD);
}

void IndicatorPanel::start_bar() {
  rmt_tx_channel_config_t channel{};
  channel.gpio_num = pin(CONFIG_ALFASPARK_PIN_BAR);
  channel.clk_src = RMT_CLK_SRC_DEFAULT;
  channel.resolution_hz = kResolutionHz;
  channel.mem_block_symbols = 256;  // the whole bar: no interrupt has to refill it in time
  channel.trans_queue_depth = 1;
  ESP_ERROR_CHECK(rmt_new_tx_channel(&channel, &bar_));
  rmt_bytes_encoder_config_t encoder{};
  encoder.bit0 = symbol(kShortTicks, kLongTicks);
  encoder.bit1 = symbol(kLongTicks, kShortTicks);
  encoder.flags.msb_first = 1;
  ESP_ERROR_CHECK(rmt_new_bytes_encoder(&encoder, &encoder_));
  ESP_ERROR_CHECK(rmt_enable(bar_));
}

void IndicatorPanel::show(const Indication& indication) { xQueueOverwrite(wanted_, &indication); }

void IndicatorPanel::draw_forever() {
  watch_this_task();
  Indication indication;
  for (;;) {
    xQueueReceive(wanted_, &indication, kRedraw);  // on a time-out the last one is drawn again
    draw(indication);
    feed_watchdog();
  }
}

void IndicatorPanel::draw(const Indication& indication) {
  set(pin(CONFIG_ALFASPARK_PIN_LED_GREEN), indication.green);
  set(pin(CONFIG_ALFASPARK_PIN_LED_YELLOW), indication.yellow);
  set(pin(CONFIG_ALFASPARK_PIN_LED_RED), indication.red);
  draw_bar(indication);
  draw_display(indication);
}

void IndicatorPanel::draw_bar(const Indication& indication) {
  const auto bytes = pixel_bytes(indication);
  rmt_transmit_config_t config{};
  auto result = rmt_transmit(bar_, encoder_, bytes.data(), bytes.size(), &config);
  if (result == ESP_OK) result = rmt_tx_wait_all_done(bar_, kDrawTimeoutMs);
  if (result != ESP_OK) ESP_LOGW(kTag, "bar: %s", esp_err_to_name(result));
}

void IndicatorPanel::draw_display(const Indication& indication) {
  begin();
  send(kWriteAndStepOn);
  end();
  begin();
  send(kFirstDigit);
  for (const char character : indication.display) send(segments_of(character));
  end();
  begin();
  send(kOnAtHalfBrightness);
  end();
}

}  // namespace alfaspark::board
