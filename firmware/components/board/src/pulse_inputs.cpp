#include "alfaspark/board/pulse_inputs.hpp"

#include "alfaspark/board/board_config.hpp"
#include "esp_attr.h"
#include "esp_check.h"
#include "esp_timer.h"
#include "hal/gpio_ll.h"

namespace alfaspark::board {

void PulseInputs::start(TaskHandle_t core_task) {
  core_task_ = core_task;
  edges_ = xQueueCreate(kEdges, sizeof(Edge));
  ESP_ERROR_CHECK(edges_ != nullptr ? ESP_OK : ESP_ERR_NO_MEM);
  grid_sense_ = {this, Input::kGridSense, CONFIG_ALFASPARK_PIN_GRID_SENSE};
  s0_active_ = {this, Input::kS0Active, CONFIG_ALFASPARK_PIN_S0_ACTIVE};
  s0_reactive_ = {this, Input::kS0Reactive, CONFIG_ALFASPARK_PIN_S0_REACTIVE};
  button_ = {this, Input::kButton, CONFIG_ALFASPARK_PIN_BUTTON};
  ESP_ERROR_CHECK(gpio_install_isr_service(ESP_INTR_FLAG_IRAM));
  if (kIsGridSenseFitted) watch(grid_sense_, false, false);
  watch(s0_active_, true, false);
  watch(s0_reactive_, true, kIsS0ActiveLow);
  watch(button_, true, true);
}

void PulseInputs::watch(Line& line, bool both_edges, bool pulled_up) {
  gpio_config_t config{};
  config.pin_bit_mask = 1ULL << line.pin;
  config.mode = GPIO_MODE_INPUT;
  config.pull_up_en = pulled_up ? GPIO_PULLUP_ENABLE : GPIO_PULLUP_DISABLE;
  config.pull_down_en = GPIO_PULLDOWN_DISABLE;
  config.intr_type = both_edges ? GPIO_INTR_ANYEDGE : GPIO_INTR_POSEDGE;
  ESP_ERROR_CHECK(gpio_config(&config));
  ESP_ERROR_CHECK(gpio_isr_handler_add(pin(line.pin), &PulseInputs::on_edge, &line));
}

void IRAM_ATTR PulseInputs::on_edge(void* argument) {
  const Line& line = *static_cast<Line*>(argument);
  const Edge edge{esp_timer_get_time(), line.input,
                  gpio_ll_get_level(&GPIO, static_cast<std::uint32_t>(line.pin)) != 0};
  BaseType_t has_woken = pdFALSE;
  // A full queue means a storm of glitches: what is lost are pulses that the pack would reject.
  if (xQueueSendFromISR(line.inputs->edges_, &edge, &has_woken) == pdTRUE) {
    vTaskNotifyGiveFromISR(line.inputs->core_task_, &has_woken);
  }
  portYIELD_FROM_ISR(has_woken);
}

void PulseInputs::deliver(Monotonic& clock, Pack& pack) {
  Edge edge;
  while (xQueueReceive(edges_, &edge, 0) == pdTRUE) {
    const Micros at = clock.advance(edge.at);
    switch (edge.input) {
      case Input::kGridSense:
        pack.on_grid_pulse(at);
        break;
      case Input::kS0Active:
        pack.on_s0_edge(at, 0, edge.level != kIsS0ActiveLow);
        break;
      case Input::kS0Reactive:
        pack.on_s0_edge(at, 1, edge.level != kIsS0ActiveLow);
        break;
      case Input::kButton:
        pack.on_button(at, !edge.level);
        break;
    }
  }
}

}  // namespace alfaspark::board
