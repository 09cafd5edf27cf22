// The TWAI controller behind core's CAN port.
//
// The driver repeats a frame itself forever or not at all, and it cannot be told to drop one. So it is set to send each
// once, and what is to be repeated is offered again by the core task: at once after a lost arbitration, which wakes it,
// and with its next round after an error, which does not: alone on the bus every attempt is one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "alfaspark/pack.hpp"
#include "alfaspark/ports.hpp"
#include "esp_twai.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/task.h"

namespace alfaspark::board {

class CanController final : public CanPort {
 public:
  /// Creates and enables the node; a failure restarts the device. `core_task` is notified of each event.
  void start(TaskHandle_t core_task);
  /// Hands what came since the last call to the pack; from the core task. `now`: for time-outs.
  void deliver(Micros now, Pack& pack);

  bool transmit(const CanFrame& frame, bool single_shot) override;
  bool abort() override;
  void recover() override;

 private:
  /// Of a full bus 256 frames are 57 ms. A write to flash stops the tasks and not the interrupt; a sector takes 45 ms.
  static constexpr UBaseType_t kReceived = 256;
  /// Without a word from the driver for so long it is started anew (espressif/esp-idf issues 18081, 19068).
  static constexpr Micros kStalled = kSecond;

  enum class Sending : std::uint32_t { kIdle, kInFlight, kSent, kFailed };
  /// After what a frame is offered again. Losing against a lower identifier is no error.
  enum class Repeat : std::uint8_t { kAlways, kAfterLostArbitration, kNever };

  static bool on_received(twai_node_handle_t node, const twai_rx_done_event_data_t* event, void* self);
  static bool on_transmitted(twai_node_handle_t node, const twai_tx_done_event_data_t* event, void* self);
  static bool on_state(twai_node_handle_t node, const twai_state_change_event_data_t* event, void* self);
  static bool on_error(twai_node_handle_t node, const twai_error_event_data_t* event, void* self);
  bool wake();
  bool offer();
  void follow_sending(Micros now, Pack& pack);
  void follow_failure(Micros now, Pack& pack);
  void start_anew(Micros now);
  void follow_state(Micros now, Pack& pack);

  twai_node_handle_t node_ = nullptr;
  TaskHandle_t core_task_ = nullptr;
  QueueHandle_t received_ = nullptr;
  std::uint32_t seen_losses_ = 0;

  // The driver keeps pointers to both until the frame is gone.
  twai_frame_t frame_{};
  std::array<std::uint8_t, 8> data_{};
  Repeat repeat_ = Repeat::kAlways;
  Micros offered_at_ = 0;
  Micros now_ = 0;

  // Words: what the processor exchanges by itself, without a library that lies in flash.
  std::atomic<Sending> sending_{Sending::kIdle};
  std::atomic<std::uint32_t> losses_{0};  ///< received frames that found the queue full
  std::atomic<std::uint32_t> arbitration_lost_{0};
  std::atomic<std::uint32_t> went_bus_off_{0};
  std::atomic<std::uint32_t> came_back_{0};
};

}  // namespace alfaspark::board
