#include "alfaspark/board/bms_line.hpp"

#include <array>

#include "alfaspark/board/board_config.hpp"
#include "driver/uart.h"
#include "esp_check.h"
#include "esp_log.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "bms";
constexpr uart_port_t kPort = UART_NUM_2;
constexpr int kReceiveBuffer = 512;
constexpr int kTransmitBuffer = 256;
/// Characters of silence after which the receive buffer is handed over.
constexpr std::uint8_t kReceiveTimeout = 2;

}  // namespace

void BmsLine::start() {
  uart_config_t config{};
  config.baud_rate = static_cast<int>(baud_rate_);
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_DEFAULT;
  ESP_ERROR_CHECK(uart_driver_install(kPort, kReceiveBuffer, kTransmitBuffer, 0, nullptr, ESP_INTR_FLAG_IRAM));
  ESP_ERROR_CHECK(uart_param_config(kPort, &config));
  // RTS switches the driver enable: only UART 0 of this chip has DTR. An interrupt takes it back some microseconds
  // after the last bit; a BMS waits 3.5 characters, 1.75 ms or more, before it answers. The mode comes first, so that
  // the pin never starts as a sender.
  ESP_ERROR_CHECK(uart_set_mode(kPort, UART_MODE_RS485_HALF_DUPLEX));
  ESP_ERROR_CHECK(uart_set_pin(kPort, CONFIG_ALFASPARK_PIN_BMS_TX, CONFIG_ALFASPARK_PIN_BMS_RX,
                               CONFIG_ALFASPARK_PIN_BMS_DE, UART_PIN_NO_CHANGE));
  ESP_ERROR_CHECK(uart_set_rx_timeout(kPort, kReceiveTimeout));
}

void BmsLine::deliver(Micros now, Pack& pack) {
  std::array<std::uint8_t, 64> bytes;
  for (;;) {
    const int count = uart_read_bytes(kPort, bytes.data(), bytes.size(), 0);
    if (count <= 0) return;
    pack.on_bms_bytes(now, std::span(bytes).first(static_cast<std::size_t>(count)));
  }
}

void BmsLine::set_baud_rate(std::uint32_t baud_rate) {
  if (baud_rate == baud_rate_) return;
  const auto result = uart_set_baudrate(kPort, baud_rate);
  if (result != ESP_OK) {
    ESP_LOGW(kTag, "%u bit/s: %s", static_cast<unsigned>(baud_rate), esp_err_to_name(result));
    return;
  }
  baud_rate_ = baud_rate;
}

bool BmsLine::write(std::span<const std::uint8_t> bytes) {
  return uart_write_bytes(kPort, bytes.data(), bytes.size()) == static_cast<int>(bytes.size());
}

}  // namespace alfaspark::board
