// The four CT inputs, sampled by DMA without a pause.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "alfaspark/board/rate_meter.hpp"
#include "alfaspark/board/sample_sorter.hpp"
#include "alfaspark/pack.hpp"
#include "esp_adc/adc_continuous.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace alfaspark::board {

class CurrentSampler {
 public:
  /// What one count means, by channel; from the chip's own calibration. A failure restarts the device.
  void calibrate(Hardware& hardware);
  /// Starts sampling; `core_task` is notified of each block. A failure restarts the device.
  void start(TaskHandle_t core_task);
  /// Hands the blocks that came to the pack; from the core task.
  void deliver(Micros now, Pack& pack);

 private:
  /// Of all four channels; about 8 kS/s arrive on each.
  static constexpr std::uint32_t kRequestedRateHz = 40'000;
  /// A block of all four channels is 4 ms at the requested rate, 5 ms as it comes. The pool holds 400 ms
  /// of the former: as long as a flash sector takes to erase at the very worst, while no task runs.
  static constexpr std::uint32_t kBlockSamples = 160;
  static constexpr std::uint32_t kBlockBytes = kBlockSamples * SOC_ADC_DIGI_RESULT_BYTES;
  static constexpr std::uint32_t kPoolBlocks = 100;

  static bool on_block(adc_continuous_handle_t handle, const adc_continuous_evt_data_t* event, void* self);
  [[nodiscard]] Micros last_block_at(Micros now) const;
  static bool on_overflow(adc_continuous_handle_t handle, const adc_continuous_evt_data_t* event, void* self);

  adc_continuous_handle_t handle_ = nullptr;
  TaskHandle_t core_task_ = nullptr;
  std::atomic<std::uint32_t> block_us_{0};  ///< low half of the time of the last block
  std::atomic<std::uint32_t> overflows_{0};
  std::uint32_t seen_overflows_ = 0;
  alignas(4) std::array<std::uint8_t, kBlockBytes> bytes_{};
  std::array<adc_continuous_data_t, kBlockSamples> samples_{};
  SampleSorter sorter_{{0, 0, 0, 0}};
  RateMeter rate_;
};

}  // namespace alfaspark::board
