// Starts the device: the core on a processor of its own, the indicators on the other.
#include "alfaspark/board/board.hpp"
#include "esp_check.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace {

// docs/firmware.md argues these.
constexpr UBaseType_t kCorePriority = 20;
constexpr UBaseType_t kPanelPriority = 2;
constexpr std::uint32_t kCoreStack = 8192;
constexpr std::uint32_t kPanelStack = 3072;
constexpr BaseType_t kCoreProcessor = 1;
constexpr BaseType_t kPanelProcessor = 0;

alfaspark::board::Board device;

void run_core(void* /*unused*/) { device.run_core(); }
void run_panel(void* /*unused*/) { device.run_panel(); }

void start_task(TaskFunction_t task, const char* name, std::uint32_t stack, UBaseType_t priority,
                BaseType_t processor) {
  const auto made = xTaskCreatePinnedToCore(task, name, stack, nullptr, priority, nullptr, processor);
  ESP_ERROR_CHECK(made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM);
}

}  // namespace

extern "C" void app_main() {
  using namespace alfaspark::board;
  device.start();
  start_task(run_core, kCoreTaskName, kCoreStack, kCorePriority, kCoreProcessor);
  start_task(run_panel, kPanelTaskName, kPanelStack, kPanelPriority, kPanelProcessor);
}
