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
  if (twai_node_receive_from_isr(node, &frame) != ESP_OK || frame.header.rtr != 0) return false;
  CanFrame received;
  received.id = frame.header.id;
  received.extended = frame.header.ide != 0;
  received.length = static_cast<std::uint8_t>(frame.header.dlc <= 8 ? frame.header.dlc : 8);
  for (std::uint8_t i = 0; i < received.length; ++i) received.data[i] = data[i];
  BaseType_t has_woken = pdFALSE;
  if (xQueueSendFromISR(controller.received_, &received, &has_woken) != pdTRUE) {
    controller.losses_.store(controller.losses_.load() + 1);
  }
  return controller.wake() || has_woken == pdTRUE;
}

bool IRAM_ATTR CanController::on_error(twai_node_handle_t /*node*/, const twai_error_event_data_t* event, void* self) {
  if (event->err_flags.arb_lost != 0) static_cast<CanController*>(self)->arbitration_lost_ = 1;
  return false;
}

bool IRAM_ATTR CanController::on_transmitted(twai_node_handle_t /*node*/, const twai_tx_done_event_data_t* event,
                                             void* self) {
  auto& controller = *static_cast<CanController*>(self);
  auto in_flight = Sending::kInFlight;  // else bus-off took it already, and nobody waits for its end
  controller.sending_.compare_exchange_strong(in_flight, event->is_tx_success ? Sending::kSent : Sending::kFailed);
  return (event->is_tx_success || controller.arbitration_lost_ != 0) && controller.wake();
}

bool IRAM_ATTR CanController::on_state(twai_node_handle_t /*node*/, const twai_state_change_event_data_t* event,
                                       void* self) {
  auto& controller = *static_cast<CanController*>(self);
  if (event->new_sta == TWAI_ERROR_BUS_OFF) controller.went_bus_off_ = 1;
  if (event->old_sta == TWAI_ERROR_BUS_OFF && event->new_sta != TWAI_ERROR_BUS_OFF) controller.came_back_ = 1;
  return controller.wake();
}

bool CanController::offer() {
  arbitration_lost_ = 0;
  sending_ = Sending::kInFlight;
  if (twai_node_transmit(node_, &frame_, 0) == ESP_OK) return true;
  sending_ = Sending::kIdle;
  return false;
}

bool CanController::transmit(const CanFrame& frame, bool single_shot) {
  if (sending_ != Sending::kIdle) return false;
  frame_ = {};
  frame_.header.id = frame.id;
  frame_.header.ide = frame.extended ? 1 : 0;
  frame_.header.dlc = frame.length;
  data_ = frame.data;
  frame_.buffer = data_.data();
  frame_.buffer_len = frame.length;
  repeat_ = single_shot ? Repeat::kAfterLostArbitration : Repeat::kAlways;
  offered_at_ = now_;
  return offer();
}

bool CanController::abort() {
  // Only what waits here to be offered again can be taken back; of what the driver has, this attempt is the last.
  repeat_ = Repeat::kNever;
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
  if (const auto losses = losses_.load(); losses != seen_losses_) {
    ESP_LOGW(kTag, "%u received frames lost", static_cast<unsigned>(losses - seen_losses_));
    seen_losses_ = losses;
  }
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
  if (sending_ == Sending::kFailed) follow_failure(now, pack);
  if (sending_ == Sending::kInFlight && now - offered_at_ > kStalled) start_anew(now);
}

void CanController::follow_failure(Micros now, Pack& pack) {
  const bool is_repeated =
      repeat_ == Repeat::kAlways || (repeat_ == Repeat::kAfterLostArbitration && arbitration_lost_ != 0);
  offered_at_ = now;
  if (is_repeated && offer()) return;
  sending_ = Sending::kIdle;
  pack.on_can_transmitted(now, false);
}

void CanController::start_anew(Micros now) {
  ESP_LOGW(kTag, "the driver fell silent: started anew");
  offered_at_ = now;
  if (twai_node_disable(node_) != ESP_OK) return;  // in bus-off, which has its own way back
  // Enabling offers the frame that the driver has in flight once more.
  ESP_ERROR_CHECK(twai_node_enable(node_));
  if (twai_node_transmit_wait_all_done(node_, 0) != ESP_OK) return;
  // It has none: it forgot to tell its end.
  auto in_flight = Sending::kInFlight;
  sending_.compare_exchange_strong(in_flight, Sending::kFailed);
}

}  // namespace alfaspark::board
