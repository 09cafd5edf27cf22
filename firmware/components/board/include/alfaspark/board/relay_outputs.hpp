// The four relays. Their pins are held over a restart of the controller, so that nothing moves.
#pragma once

#include <cstddef>
#include <cstdint>

#include "alfaspark/ports.hpp"

namespace alfaspark::board {

class RelayOutputs final : public RelayPort {
 public:
  /// `kept`: the pins still have the levels from before a restart. Without, all contacts rest as they are without
  /// supply until the pack decides. A failure restarts the device.
  void start(bool kept);

  void set(std::size_t relay, bool closed) override;
  [[nodiscard]] bool is_closed(std::size_t relay) const override { return (closed_ >> relay & 1U) != 0; }
  [[nodiscard]] bool kept_positions() const override { return is_kept_; }

 private:
  std::uint8_t closed_ = 0;
  bool is_kept_ = false;
};

}  // namespace alfaspark::board
