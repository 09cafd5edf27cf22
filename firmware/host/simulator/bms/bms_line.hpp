// The RS-485 line of a pack, seen from the pack.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace alfaspark::sim {

/// Whatever answers at the other end. Bytes for the pack come through the receiver, at their own time.
class BmsLine {
 public:
  using Receiver = std::function<void(std::span<const std::uint8_t>)>;

  virtual ~BmsLine() = default;
  /// Bytes that arrive while there is no receiver (the pack has no supply) are lost.
  void set_receiver(Receiver receiver) { receiver_ = std::move(receiver); }
  virtual void set_baud_rate(std::uint32_t baud_rate) = 0;
  virtual void write(std::span<const std::uint8_t> bytes) = 0;

 protected:
  void deliver(std::span<const std::uint8_t> bytes) const {
    if (receiver_) receiver_(bytes);
  }

 private:
  Receiver receiver_;
};

}  // namespace alfaspark::sim
