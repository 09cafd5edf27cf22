// Bar, display and LEDs. Drawn by a task of their own, since they are slow and nothing waits for them.
#pragma once

#include <optional>

#include "alfaspark/ports.hpp"
#include "driver/rmt_tx.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"

namespace alfaspark::board {

class IndicatorPanel final : public IndicatorPort {
 public:
  /// A failure restarts the device.
  void start();
  /// The task: draws what was shown last, forever.
  [[noreturn]] void draw_forever();

  void show(const Indication& indication) override;

 private:
  void start_bar();
  void start_outputs();
  void draw(const Indication& indication);
  void draw_bar(const Indication& indication);
  void draw_display(const Indication& indication);

  QueueHandle_t wanted_ = nullptr;  ///< one place, overwritten
  rmt_channel_handle_t bar_ = nullptr;
  rmt_encoder_handle_t encoder_ = nullptr;
};

}  // namespace alfaspark::board
