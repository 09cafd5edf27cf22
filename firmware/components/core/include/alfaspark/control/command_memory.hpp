// The commands of the last two seconds: a repeated one is answered again, never acted on again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class CommandMemory {
 public:
  static constexpr Micros kRemembered = 2 * kSecond;
  static constexpr std::size_t kCapacity = 16;

  struct Entry {
    Micros at = 0;
    std::uint8_t length = 0;  ///< 0: empty
    frames::Payload bytes{};
    std::optional<frames::Response> response{};
  };

  /// `payload`: up to 8 bytes, as received. nullptr if they are new.
  [[nodiscard]] const Entry* find(Micros now, std::span<const std::uint8_t> payload) const;
  void remember(Micros now, std::span<const std::uint8_t> payload, const std::optional<frames::Response>& response);

 private:
  std::array<Entry, kCapacity> entries_{};
  std::size_t next_ = 0;
};

}  // namespace alfaspark
