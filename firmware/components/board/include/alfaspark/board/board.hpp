// The device: every driver behind its port, and the loop that feeds the pack.
#pragma once

#include <optional>

#include "alfaspark/board/bms_line.hpp"
#include "alfaspark/board/can_controller.hpp"
#include "alfaspark/board/chip.hpp"
#include "alfaspark/board/current_sampler.hpp"
#include "alfaspark/board/flash_storage.hpp"
#include "alfaspark/board/indicator_panel.hpp"
#include "alfaspark/board/monotonic.hpp"
#include "alfaspark/board/pulse_inputs.hpp"
#include "alfaspark/board/relay_outputs.hpp"
#include "alfaspark/board/retained_memory.hpp"
#include "alfaspark/pack.hpp"

namespace alfaspark::board {

class Board {
 public:
  /// What must not wait: the relays take the positions that they had. Then everything else but the CAN bus.
  void start();
  /// The task of the core: never returns.
  [[noreturn]] void run_core();
  /// The task of the indicators: never returns.
  [[noreturn]] void run_panel() { panel_.draw_forever(); }

 private:
  void confirm_once_healthy(Micros now);

  Chip chip_;
  RelayOutputs relays_;
  FlashStorage storage_;
  RetainedMemory retained_;
  CanController can_;
  BmsLine bms_;
  CurrentSampler sampler_;
  PulseInputs inputs_;
  IndicatorPanel panel_;
  Monotonic clock_;
  std::optional<Pack> pack_;
  bool is_confirmed_ = false;
};

}  // namespace alfaspark::board
