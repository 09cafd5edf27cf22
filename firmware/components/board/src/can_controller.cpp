#include "alfaspark/board/can_controller.hpp"

#include <algorithm>

#include "alfaspark/board/board_config.hpp"
#include "esp_attr.h"
#include "esp_check.h"
#include "esp_log.h"
#include "esp_twai_onchip.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "can";
constexpr std::uint32_t kBitrate = 500'000;

}  // namespace

void CanController::start(TaskHandle_t core_task) {
  core_task_ = core_task;
  received_ = xQueueCreate(kReceived, sizeof(CanFrame));
  ESP_ERROR_CHECK(received_ != nullptr ? ESP_OK : ESP_ERR_NO_MEM);

  twai_onchip_node_config_t config{};
  config.io_cfg.tx = pin(CONFIG_ALFASPARK_PIN_CAN_TX);
  config.io_cfg.rx = pin(CONFIG_ALFASPARK_PIN_CAN_RX);
  config.io_cfg.quanta_clk_out = GPIO_NUM_NC;
  config.io_cfg.bus_off_indicator = GPIO_NUM_NC;
  config.bit_timing.bitrate = kBitrate;
  config.fail_retry_cnt = 0;
  config.tx_queue_depth = 1;
  config.flags.no_receive_rtr = 1;
  ESP_ERROR_CHECK(twai_new_node_onchip(&config, &node_));

  twai_event_callbacks_t callbacks{};
  callbacks.on_rx_done = &CanController::on_received;
  callbacks.on_tx_done = &CanController::on_transmitted;
  callbacks.on_state_change = &CanController::on_state;
  callbacks.on_error = &CanController::on_error;
  ESP_ERROR_CHECK(twai_node_register_event_callbacks(node_, &callbacks, this));
  ESP_ERROR_CHECK(twai_node_enable(node_));
}

bool IRAM_ATTR CanController::wake() {
  BaseType_t has_woken = pdFALSE;
  vTaskNotifyGiveFromISR(core_task_, &has_woken);
  return has_woken == pdTRUE;
}

bool IRAM_ATTR CanController::on_received(twai_node_handle_t node, const twai_rx_done_event_data_t* /*event*/,
                                          void* self) {
  auto& controller = *static_cast<CanController*>(self);
  std::uint8_t data[8];
  twai_frame_t frame{};
  frame.buffer = data;
  frame.buffer_len = sizeof(data);
  if (twai_node_receive_from_isr(node, &frame) != ESP_OK) return false;
  CanFrame received;
  received.id = frame.header.id;
  received.extended = frame.header.ide != 0;
  received.length = static_cast<std::uint8_t>(frame.header.dlc <= 8 ? frame.header.dlc : 8);
  for (std::uint8_t i = 0; i < received.length; ++i) received.data[i] = data[i];
  BaseType_t has_woken = pdFALSE;
  if (xQueueSendFromISR(controller.received_, &received, &has_woken) != pdTRUE) ++controller.lost_frames_;
  return controller.wake() || has_woken == pdTRUE;
}

bool IRAM_ATTR CanController::on_error(twai_node_handle_t /*node*/, const twai_error_event_data_t* event, void* self) {
  auto& controller = *static_cast<CanController*>(self);
  controller.arbitration_lost_ = event->err_flags.arb_lost;
  return false;
}

bool IRAM_ATTR CanController::on_transmitted(twai_node_handle_t /*node*/, const twai_tx_done_event_data_t* event,
                                             void* self) {
  auto& controller = *static_cast<CanController*>(self);
  if (event->is_tx_success) {
    controller.sending_ = Sending::kSent;
    return controller.wake();
  }
  // Losing against a lower identifier is no error, not even of a single shot.
  if (controller.arbitration_lost_.exchange(0) != 0 && controller.offer()) return false;
  controller.sending_ = Sending::kFailed;
  return controller.wake();
}

bool IRAM_ATTR CanController::on_state(twai_node_handle_t /*node*/, const twai_state_change_event_data_t* event,
                                       void* self) {
  auto& controller = *static_cast<CanController*>(self);
  if (event->new_sta == TWAI_ERROR_BUS_OFF) controller.went_bus_off_ = 1;
  if (event->old_sta == TWAI_ERROR_BUS_OFF && event->new_sta != TWAI_ERROR_BUS_OFF) controller.came_back_ = 1;
  return controller.wake();
}

bool IRAM_ATTR CanController::offer() { return twai_node_transmit(node_, &frame_, 0) == ESP_OK; }

bool CanController::transmit(const CanFrame& frame, bool single_shot) {
  if (sending_ != Sending::kIdle) return false;
  frame_ = {};
  frame_.header.id = frame.id;
  frame_.header.ide = frame.extended ? 1 : 0;
  frame_.header.dlc = frame.length;
  data_ = frame.data;
  frame_.buffer = data_.data();
  frame_.buffer_len = frame.length;
  single_shot_ = single_shot;
  arbitration_lost_ = 0;
  offered_at_ = now_;
  sending_ = Sending::kInFlight;
  if (offer()) return true;
  sending_ = Sending::kIdle;
  return false;
}

bool CanController::abort() {
  // Only what waits here to be offered again can be taken back.
  auto failed = Sending::kFailed;
  return sending_.compare_exchange_strong(failed, Sending::kIdle);
}

void CanController::recover() {
  const auto result = twai_node_recover(node_);
  if (result != ESP_OK) ESP_LOGW(kTag, "recovery from bus-off: %s", esp_err_to_name(result));
}

void CanController::deliver(Micros now, Pack& pack) {
  now_ = now;
  follow_state(now, pack);
  follow_sending(now, pack);
  CanFrame frame;
  while (xQueueReceive(received_, &frame, 0) == pdTRUE) pack.on_can_frame(now, frame);
}

void CanController::follow_state(Micros now, Pack& pack) {
  if (went_bus_off_.exchange(0) != 0) {
    sending_ = Sending::kIdle;  // the frame is lost with the bus
    pack.on_can_bus_off(now);
  }
  if (came_back_.exchange(0) != 0) pack.on_can_recovered(now);
}

void CanController::follow_sending(Micros now, Pack& pack) {
  auto sent = Sending::kSent;
  if (sending_.compare_exchange_strong(sent, Sending::kIdle)) {
    pack.on_can_transmitted(now, true);
    return;
  }
  if (sending_ == Sending::kFailed) {
    if (single_shot_) {
      sending_ = Sending::kIdle;
      pack.on_can_transmitted(now, false);
      return;
    }
    offered_at_ = now;
    sending_ = Sending::kInFlight;
    if (!offer()) sending_ = Sending::kFailed;
    return;
  }
  if (sending_ == Sending::kInFlight && now - offered_at_ > kStalled) {
    ESP_LOGW(kTag, "the driver fell silent: started anew");
    offered_at_ = now;
    // Disabling fails in bus-off, which has its own way back. Enabling offers the frame in flight again.
    if (twai_node_disable(node_) == ESP_OK) ESP_ERROR_CHECK(twai_node_enable(node_));
  }
}

}  // namespace alfaspark::board
