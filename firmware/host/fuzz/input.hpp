// Random bytes, taken piece by piece; 0 once they are used up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace alfaspark::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint32_t word() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8U | byte();
    return value;
  }
  /// Up to `count` bytes.
  std::span<const std::uint8_t> bytes(std::size_t count) {
    const auto taken = rest_.first(count < rest_.size() ? count : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// What must always hold; a failure stops the fuzzer with the input that broke it.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace alfaspark::fuzz
