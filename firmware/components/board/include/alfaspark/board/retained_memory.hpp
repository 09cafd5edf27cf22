// RTC memory, which no restart of the program clears; without supply it forgets.
#pragma once

#include "alfaspark/ports.hpp"

namespace alfaspark::board {

class RetainedMemory final : public RetainedPort {
 public:
  /// Once, first. Forgets what another image may have left.
  void start(StoragePort& storage);

  void read(std::size_t at, std::span<std::uint8_t> bytes) const override;
  void write(std::size_t at, std::span<const std::uint8_t> bytes) override;
};

}  // namespace alfaspark::board
