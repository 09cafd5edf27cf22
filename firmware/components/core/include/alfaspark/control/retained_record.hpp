// One record in memory that a restart of the program does not clear: two slots in turns, so that whenever the restart
// comes, one of them is whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/ports.hpp"
#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {

/// A slot: sequence u32, content, CRC u32 little-endian over both. The version takes the place of the CRC's key, so
/// that a content of another version is not found.
template <std::size_t kBytes>
class RetainedRecord {
 public:
  using Content = std::array<std::uint8_t, kBytes>;
  static constexpr std::size_t kSlotSize = 4 + kBytes + 4;
  static_assert(2 * kSlotSize <= RetainedPort::kSize);

  RetainedRecord(RetainedPort& port, std::uint8_t version) : port_(port), version_(version) {}

  /// Once, first: what was written last; nullopt where the memory holds anything else.
  std::optional<Content> load() {
    const auto first = read(0);
    const auto second = read(1);
    if (!first && !second) return std::nullopt;
    // Sequences that wrapped count on; of two slots in turns they differ by 1.
    const bool is_second =
        second && (!first || static_cast<std::int32_t>(sequence_in(*second) - sequence_in(*first)) > 0);
    newest_ = is_second ? 1 : 0;
    const Slot& slot = is_second ? *second : *first;
    sequence_ = sequence_in(slot);
    Content content{};
    std::copy_n(slot.begin() + 4, kBytes, content.begin());
    return content;
  }

  /// Replaces it. A restart in the middle leaves what was there before.
  void write(const Content& content) {
    Slot slot{};
    put(slot, 0, ++sequence_);
    std::copy(content.begin(), content.end(), slot.begin() + 4);
    put(slot, 4 + kBytes, crc_of(slot));
    newest_ = 1 - newest_;
    port_.write(newest_ * kSlotSize, slot);
  }

  /// Nothing is found from now on. The newest goes last: never is an older one found in its place.
  void erase() {
    port_.write((1 - newest_) * kSlotSize, Slot{});
    port_.write(newest_ * kSlotSize, Slot{});
  }

 private:
  using Slot = std::array<std::uint8_t, kSlotSize>;

  std::optional<Slot> read(std::size_t index) const {
    Slot slot{};
    port_.read(index * kSlotSize, slot);
    return get(slot, 4 + kBytes) == crc_of(slot) ? std::optional(slot) : std::nullopt;
  }
  std::uint32_t crc_of(const Slot& slot) const {
    return record_crc(version_, std::span(slot).template first<4 + kBytes>());
  }
  static std::uint32_t sequence_in(const Slot& slot) { return get(slot, 0); }
  static std::uint32_t get(const Slot& slot, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | slot[at + i];
    return value;
  }
  static void put(Slot& slot, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i, value >>= 8) slot[at + i] = static_cast<std::uint8_t>(value & 0xFFU);
  }

  RetainedPort& port_;
  std::uint8_t version_;
  std::uint32_t sequence_ = 0;
  std::size_t newest_ = 0;
};

}  // namespace alfaspark
