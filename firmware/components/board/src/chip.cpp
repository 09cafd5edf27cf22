#include "alfaspark/board/chip.hpp"

#include <cstring>

#include "alfaspark/board/board_config.hpp"
#include "alfaspark/board/kept_state.hpp"
#include "esp_app_desc.h"
#include "esp_attr.h"
#include "esp_check.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_ota_ops.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_task_wdt.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "chip";

// Kept over every restart but a power cut.
RTC_NOINIT_ATTR KeptState kept;

/// Pins that are held keep their levels, and this memory its content, unless the supply was gone.
bool keeps_pins(esp_reset_reason_t reason) {
  switch (reason) {
    case ESP_RST_BROWNOUT:
    case ESP_RST_SW:
    case ESP_RST_PANIC:
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
      return true;
    default:
      return false;
  }
}

RestartCause cause_of(esp_reset_reason_t reason) {
  switch (reason) {
    case ESP_RST_SW:
      return RestartCause::kSoftware;
    case ESP_RST_PANIC:
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
      return RestartCause::kWatchdog;
    case ESP_RST_BROWNOUT:
      return RestartCause::kBrownOut;
    default:
      return RestartCause::kPowerOn;
  }
}

}  // namespace

void Chip::start() {
  const auto reason = esp_reset_reason();
  const bool is_kept = kept.is_valid() && keeps_pins(reason);
  last_restart_ = {.cause = cause_of(reason),
                   .task = is_kept ? static_cast<std::uint8_t>(kept.stuck_task) : std::uint8_t{0}};
  kept_relays_ = is_kept;
  if (!is_kept) kept = {};
  kept.stuck_task = 0;
  kept.seal();
  ESP_LOGI(kTag, "reset reason %d, relays %s", static_cast<int>(reason), is_kept ? "kept" : "not kept");
}

std::uint32_t Chip::random() { return esp_random(); }

void Chip::restart() { esp_restart(); }

std::uint8_t kept_relay_positions() { return static_cast<std::uint8_t>(kept.relays_closed); }

void keep_relay_positions(std::uint8_t closed) {
  kept.relays_closed = closed;
  kept.seal();
}

void watch_this_task() { ESP_ERROR_CHECK(esp_task_wdt_add(nullptr)); }

void feed_watchdog() { ESP_ERROR_CHECK(esp_task_wdt_reset()); }

Identity identity() {
  std::uint8_t mac[6];
  ESP_ERROR_CHECK(esp_efuse_mac_get_default(mac));
  Identity identity{.serial = 0, .device_type = kDeviceType, .firmware = {}};
  for (const auto byte : mac) identity.serial = identity.serial << 8 | byte;
  const auto version = version_of(esp_app_get_description()->version);
  ESP_ERROR_CHECK(version ? ESP_OK : ESP_ERR_INVALID_VERSION);
  identity.firmware = *version;
  return identity;
}

void confirm_image() {
  auto state = ESP_OTA_IMG_UNDEFINED;
  auto result = esp_ota_get_state_partition(esp_ota_get_running_partition(), &state);
  if (result == ESP_ERR_NOT_FOUND || state != ESP_OTA_IMG_PENDING_VERIFY) return;  // not of an update
  result = esp_ota_mark_app_valid_cancel_rollback();
  if (result != ESP_OK) ESP_LOGE(kTag, "confirming the image: %s", esp_err_to_name(result));
}

}  // namespace alfaspark::board

/// Called by the task watchdog before it restarts the device: keeps which task was stuck.
extern "C" void esp_task_wdt_isr_user_handler(void) {
  using namespace alfaspark::board;
  auto stuck = Task::kUnknown;
  const auto note = [](void* found, const char* text) {
    if (std::strcmp(text, kCoreTaskName) == 0) *static_cast<Task*>(found) = Task::kCore;
    if (std::strcmp(text, kPanelTaskName) == 0) *static_cast<Task*>(found) = Task::kPanel;
  };
  if (esp_task_wdt_print_triggered_tasks(note, &stuck, nullptr) != ESP_OK) return;
  kept.stuck_task = static_cast<std::uint32_t>(stuck);
  kept.seal();
}
