#include "alfaspark/board/board.hpp"

#include "alfaspark/board/board_config.hpp"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace alfaspark::board {
namespace {

/// Woken by every event, and at least so often.
constexpr TickType_t kTick = pdMS_TO_TICKS(5);
/// An image that holds a node number and measures its currents after so long is good.
constexpr Micros kHealthyAfter = 20 * kSecond;

}  // namespace

void Board::start() {
  chip_.start();
  relays_.start(chip_.kept_relays());
  storage_.start();
  retained_.start(storage_);
  bms_.start();
  panel_.start();
}

void Board::run_core() {
  const auto self = xTaskGetCurrentTaskHandle();
  Hardware hardware;
  hardware.grid_sense_fitted = kIsGridSenseFitted;
  hardware.nominal_frequency_hz = kNominalFrequencyHz;
  sampler_.calibrate(hardware);
  pack_.emplace(identity(), hardware,
                Ports{.can = can_,
                      .bms = bms_,
                      .relays = relays_,
                      .storage = storage_,
                      .indicators = panel_,
                      .system = chip_,
                      .retained = retained_});
  can_.start(self);
  sampler_.start(self);
  inputs_.start(self);
  watch_this_task();
  pack_->start(clock_.advance(esp_timer_get_time()));
  for (;;) {
    ulTaskNotifyTake(pdTRUE, kTick);
    inputs_.deliver(clock_, *pack_);
    const Micros now = clock_.advance(esp_timer_get_time());
    can_.deliver(now, *pack_);
    bms_.deliver(now, *pack_);
    sampler_.deliver(now, *pack_);
    pack_->tick(now);
    confirm_once_healthy(now);
    feed_watchdog();
  }
}

void Board::confirm_once_healthy(Micros now) {
  if (is_confirmed_ || now < kHealthyAfter || pack_->node() == 0) return;
  const bool is_measuring = pack_->readings().currents_a[0].has_value();
  if (kDeviceType == frames::DeviceType::kEnergyPack && !is_measuring) return;  // a gateway may have no CTs
  confirm_image();
  is_confirmed_ = true;
}

}  // namespace alfaspark::board
