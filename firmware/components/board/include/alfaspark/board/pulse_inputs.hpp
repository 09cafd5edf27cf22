// Grid sense, S0 inputs and button: edges with the time at which they came.
#pragma once

#include <cstdint>

#include "alfaspark/board/monotonic.hpp"
#include "alfaspark/pack.hpp"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/task.h"

namespace alfaspark::board {

class PulseInputs {
 public:
  /// A failure restarts the device.
  void start(TaskHandle_t core_task);
  /// Hands the edges that came to the pack, in order; from the core task.
  void deliver(Monotonic& clock, Pack& pack);

 private:
  enum class Input : std::uint8_t { kGridSense, kS0Active, kS0Reactive, kButton };

  struct Edge {
    Micros at;
    Input input;
    bool level;
  };
  struct Line {
    PulseInputs* inputs;
    Input input;
    int pin;
  };

  /// 50 Hz, two S0 contacts and a bouncing button: a second of them.
  static constexpr UBaseType_t kEdges = 128;

  static void on_edge(void* line);
  void watch(Line& line, bool both_edges, bool pulled_up);

  TaskHandle_t core_task_ = nullptr;
  QueueHandle_t edges_ = nullptr;
  Line grid_sense_{};
  Line s0_active_{};
  Line s0_reactive_{};
  Line button_{};
};

}  // namespace alfaspark::board
