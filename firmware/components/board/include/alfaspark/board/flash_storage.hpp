// Records in NVS, each a blob of its own key, written and committed whole.
#pragma once

#include <cstdint>
#include <span>

#include "alfaspark/ports.hpp"
#include "nvs.h"

namespace alfaspark::board {

class FlashStorage final : public StoragePort {
 public:
  /// A partition that cannot be read is erased: every setting then falls back to its default. A failure beyond that
  /// leaves a storage that takes nothing, which the pack warns of.
  void start();

  std::size_t read(std::uint8_t key, std::span<std::uint8_t> record) override;
  bool write(std::uint8_t key, std::span<const std::uint8_t> record) override;

 private:
  nvs_handle_t handle_ = 0;
  bool is_open_ = false;
};

}  // namespace alfaspark::board
