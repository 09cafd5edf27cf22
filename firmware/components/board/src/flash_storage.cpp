#include "alfaspark/board/flash_storage.hpp"

#include <array>
#include <cstdio>

#include "esp_log.h"
#include "nvs_flash.h"

namespace alfaspark::board {
namespace {

constexpr const char* kTag = "storage";
constexpr const char* kNamespace = "alfaspark";
using KeyName = std::array<char, NVS_KEY_NAME_MAX_SIZE>;

KeyName name_of(std::uint8_t key) {
  KeyName name{};
  std::snprintf(name.data(), name.size(), "record-%u", static_cast<unsigned>(key));
  return name;
}

bool succeeded(esp_err_t result, const char* what) {
  if (result != ESP_OK) ESP_LOGE(kTag, "%s: %s", what, esp_err_to_name(result));
  return result == ESP_OK;
}

}  // namespace

void FlashStorage::start() {
  auto result = nvs_flash_init();
  if (result == ESP_ERR_NVS_NO_FREE_PAGES || result == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    ESP_LOGW(kTag, "erased: %s", esp_err_to_name(result));
    if (!succeeded(nvs_flash_erase(), "erase")) return;
    result = nvs_flash_init();
  }
  is_open_ = succeeded(result, "init") && succeeded(nvs_open(kNamespace, NVS_READWRITE, &handle_), "open");
}

std::size_t FlashStorage::read(std::uint8_t key, std::span<std::uint8_t> record) {
  if (!is_open_) return 0;
  std::size_t length = record.size();
  const auto result = nvs_get_blob(handle_, name_of(key).data(), record.data(), &length);
  if (result == ESP_ERR_NVS_NOT_FOUND) return 0;
  return succeeded(result, "read") ? length : 0;
}

bool FlashStorage::write(std::uint8_t key, std::span<const std::uint8_t> record) {
  return is_open_ && succeeded(nvs_set_blob(handle_, name_of(key).data(), record.data(), record.size()), "write") &&
         succeeded(nvs_commit(handle_), "commit");
}

}  // namespace alfaspark::board
