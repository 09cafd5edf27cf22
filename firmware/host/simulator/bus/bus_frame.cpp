#include "simulator/bus/bus_frame.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace alfaspark::sim {
namespace {

/// The stuffed part of a frame, bit by bit, with its CRC-15 (polynomial 0x4599, ISO 11898-1).
class StuffedBits {
 public:
  void put(std::uint32_t value, int count) {
    for (int i = count - 1; i >= 0; --i) put_bit((value >> static_cast<unsigned>(i)) & 1U);
  }
  void put_crc() { put(crc_, 15); }
  [[nodiscard]] int count() const { return count_; }

 private:
  void put_bit(std::uint32_t bit) {
    const bool feedback = (bit ^ (crc_ >> 14U)) & 1U;
    crc_ = (crc_ << 1U) & 0x7FFFU;
    if (feedback) crc_ ^= 0x4599U;
    ++count_;
    run_ = bit == last_ ? run_ + 1 : 1;
    last_ = bit;
    if (run_ == 5) {
      ++count_;  // a stuff bit of the other value follows and starts a new run
      last_ ^= 1U;
      run_ = 1;
    }
  }

  std::uint32_t crc_ = 0;
  std::uint32_t last_ = 2;
  int run_ = 0;
  int count_ = 0;
};

}  // namespace

bool same_bits(const BusFrame& a, const BusFrame& b) {
  const auto data_a = a.can.payload();
  const auto data_b = b.can.payload();
  return a.can.id == b.can.id && a.can.extended == b.can.extended && a.remote == b.remote &&
         a.can.length == b.can.length && (a.remote || std::equal(data_a.begin(), data_a.end(), data_b.begin()));
}

std::uint32_t arbitration_order(const BusFrame& frame) {
  const std::uint32_t remote = frame.remote ? 1U : 0U;
  if (!frame.can.extended) return (frame.can.id << 21U) | (remote << 20U);
  // 11 bits, SRR (recessive), IDE (recessive), 18 bits, RTR. SRR loses against RTR of a base data frame, IDE against a
  // base remote frame.
  const std::uint32_t high = frame.can.id >> 18U;
  const std::uint32_t low = frame.can.id & 0x3FFFFU;
  return (high << 21U) | (1U << 20U) | (1U << 19U) | (low << 1U) | remote;
}

int wire_bits(const BusFrame& frame) {
  StuffedBits bits;
  const std::uint32_t remote = frame.remote ? 1U : 0U;
  bits.put(0, 1);
  if (frame.can.extended) {
    bits.put(frame.can.id >> 18U, 11);
    bits.put(0b11, 2);
    bits.put(frame.can.id & 0x3FFFFU, 18);
    bits.put(remote, 1);
    bits.put(0, 2);
  } else {
    bits.put(frame.can.id, 11);
    bits.put(remote, 1);
    bits.put(0, 2);
  }
  bits.put(frame.can.length, 4);
  if (!frame.remote) {
    for (const std::uint8_t byte : frame.can.payload()) bits.put(byte, 8);
  }
  bits.put_crc();
  constexpr int kUnstuffed = 1 + 2 + 7 + 3;  // CRC delimiter, acknowledge with delimiter, end of frame, intermission
  return bits.count() + kUnstuffed;
}

}  // namespace alfaspark::sim
