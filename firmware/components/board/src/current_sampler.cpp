#include "alfaspark/board/current_sampler.hpp"

#include <span>

#include "alfaspark/board/board_config.hpp"
#include "esp_adc/adc_cali.h"
#include "esp_adc/adc_cali_scheme.h"
#include "esp_attr.h"
#include "esp_check.h"
#include "esp_log.h"
#include "esp_timer.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "adc";
/// 0.15 V to 2.45 V (ESP32 data sheet); the inputs are biased to the middle of it.
constexpr adc_atten_t kAttenuation = ADC_ATTEN_DB_12;
/// Where no calibration was burnt into the chip.
constexpr std::uint32_t kDefaultVrefMv = 1100;

adc_channel_t channel_of(int pin) {
  adc_unit_t unit = ADC_UNIT_1;
  adc_channel_t channel = ADC_CHANNEL_0;
  ESP_ERROR_CHECK(adc_continuous_io_to_channel(pin, &unit, &channel));
  ESP_ERROR_CHECK(unit == ADC_UNIT_1 ? ESP_OK : ESP_ERR_INVALID_ARG);
  return channel;
}

/// The slope of the chip's own calibration, over the part of the range that the signal uses.
float volt_per_count() {
  constexpr int kLow = 1000;
  constexpr int kHigh = 2500;
  constexpr float kVoltPerMv = 1e-3F;
  adc_cali_line_fitting_config_t config{};
  config.unit_id = ADC_UNIT_1;
  config.atten = kAttenuation;
  config.bitwidth = ADC_BITWIDTH_12;
  config.default_vref = kDefaultVrefMv;
  adc_cali_handle_t scheme = nullptr;
  ESP_ERROR_CHECK(adc_cali_create_scheme_line_fitting(&config, &scheme));
  int low_mv = 0;
  int high_mv = 0;
  ESP_ERROR_CHECK(adc_cali_raw_to_voltage(scheme, kLow, &low_mv));
  ESP_ERROR_CHECK(adc_cali_raw_to_voltage(scheme, kHigh, &high_mv));
  ESP_ERROR_CHECK(adc_cali_delete_scheme_line_fitting(scheme));
  return static_cast<float>(high_mv - low_mv) * kVoltPerMv / static_cast<float>(kHigh - kLow);
}

}  // namespace

void CurrentSampler::calibrate(Hardware& hardware) {
  const float volt = volt_per_count();
  ESP_LOGI(kTag, "%.4f mV a count", static_cast<double>(volt) * 1e3);
  for (std::size_t i = 0; i < kCurrentChannels; ++i) {
    hardware.amperes_per_count[i] = amperes_per_count(kCurrentInputs[i].transformer, volt);
  }
}

void CurrentSampler::start(TaskHandle_t core_task) {
  core_task_ = core_task;
  adc_continuous_handle_cfg_t memory{};
  memory.max_store_buf_size = kPoolBlocks * kBlockBytes;
  memory.conv_frame_size = kBlockBytes;
  ESP_ERROR_CHECK(adc_continuous_new_handle(&memory, &handle_));

  std::array<adc_digi_pattern_config_t, kCurrentChannels> pattern{};
  std::array<int, kCurrentChannels> channels{};
  for (std::size_t i = 0; i < kCurrentChannels; ++i) {
    channels[i] = channel_of(kCurrentInputs[i].pin);
    pattern[i].atten = kAttenuation;
    pattern[i].channel = static_cast<std::uint8_t>(channels[i]);
    pattern[i].unit = ADC_UNIT_1;
    pattern[i].bit_width = ADC_BITWIDTH_12;
  }
  sorter_ = SampleSorter(channels);
  adc_continuous_config_t config{};
  config.pattern_num = pattern.size();
  config.adc_pattern = pattern.data();
  config.sample_freq_hz = kRequestedRateHz;
  config.conv_mode = ADC_CONV_SINGLE_UNIT_1;
  ESP_ERROR_CHECK(adc_continuous_config(handle_, &config));

  adc_continuous_evt_cbs_t callbacks{};
  callbacks.on_conv_done = &CurrentSampler::on_block;
  callbacks.on_pool_ovf = &CurrentSampler::on_overflow;
  ESP_ERROR_CHECK(adc_continuous_register_event_callbacks(handle_, &callbacks, this));
  ESP_ERROR_CHECK(adc_continuous_start(handle_));
}

bool IRAM_ATTR CurrentSampler::on_block(adc_continuous_handle_t /*handle*/, const adc_continuous_evt_data_t* /*event*/,
                                        void* self) {
  auto& sampler = *static_cast<CurrentSampler*>(self);
  sampler.block_us_.store(static_cast<std::uint32_t>(esp_timer_get_time()));
  BaseType_t has_woken = pdFALSE;
  vTaskNotifyGiveFromISR(sampler.core_task_, &has_woken);
  return has_woken == pdTRUE;
}

bool IRAM_ATTR CurrentSampler::on_overflow(adc_continuous_handle_t /*handle*/,
                                           const adc_continuous_evt_data_t* /*event*/, void* self) {
  auto& overflows = static_cast<CurrentSampler*>(self)->overflows_;
  overflows.store(overflows.load() + 1);
  return false;
}

Micros CurrentSampler::last_block_at(Micros now) const {
  // With sign: a block may have come since `now`.
  return now - static_cast<std::int32_t>(static_cast<std::uint32_t>(now) - block_us_.load());
}

void CurrentSampler::deliver(Micros now, Pack& pack) {
  if (const auto overflows = overflows_.load(); overflows != seen_overflows_) {
    ESP_LOGW(kTag, "%u blocks lost", static_cast<unsigned>(overflows - seen_overflows_));
    seen_overflows_ = overflows;
    rate_.restart();
  }
  const Micros until = last_block_at(now);  // of the interrupt, so that a busy task does not look like a slow ADC
  std::size_t taken = 0;
  for (;;) {
    std::uint32_t length = 0;
    std::uint32_t count = 0;
    // ESP_ERR_TIMEOUT: no more.
    if (adc_continuous_read(handle_, bytes_.data(), bytes_.size(), &length, 0) != ESP_OK) break;
    if (adc_continuous_parse_data(handle_, bytes_.data(), length, samples_.data(), &count) != ESP_OK) break;
    sorter_.clear();
    for (const auto& sample : std::span(samples_).first(count)) {
      if (sample.valid) sorter_.add(sample.channel, static_cast<std::uint16_t>(sample.raw_data));
    }
    taken += sorter_.samples();
    if (const auto rate_hz = rate_.rate_hz()) pack.on_samples(now, sorter_.block(*rate_hz));
  }
  if (taken > 0) rate_.add(until, taken);
}

}  // namespace alfaspark::board
