#include "alfaspark/board/retained_memory.hpp"

#include <algorithm>
#include <cstring>

#include "esp_app_desc.h"
#include "esp_attr.h"

namespace alfaspark::board {
namespace {

// Neither the start-up code nor the boot loader writes here.
RTC_NOINIT_ATTR std::array<std::uint8_t, RetainedPort::kSize> memory;

/// On flash, beside the settings: the image that ran last, by the begin of its hash.
constexpr std::uint8_t kImageKey = 6;
using Image = std::array<std::uint8_t, 8>;

bool fits(std::size_t at, std::size_t length) { return at <= memory.size() && length <= memory.size() - at; }

}  // namespace

// Each image may have its memory elsewhere: one that comes back after an update would find counters of long ago, whole
// and valid, and a host would add all of them once more.
void RetainedMemory::start(StoragePort& storage) {
  Image image{};
  std::copy_n(std::begin(esp_app_get_description()->app_elf_sha256), image.size(), image.begin());
  Image last{};
  if (storage.read(kImageKey, last) == last.size() && last == image) return;
  memory.fill(0);
  storage.write(kImageKey, image);
}

void RetainedMemory::read(std::size_t at, std::span<std::uint8_t> bytes) const {
  if (fits(at, bytes.size())) std::memcpy(bytes.data(), memory.data() + at, bytes.size());
}

void RetainedMemory::write(std::size_t at, std::span<const std::uint8_t> bytes) {
  if (fits(at, bytes.size())) std::memcpy(memory.data() + at, bytes.data(), bytes.size());
}

}  // namespace alfaspark::board
