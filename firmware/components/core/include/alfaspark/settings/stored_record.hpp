// One small setting in flash: written when it changed, a little later, with version and CRC.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/ports.hpp"

namespace alfaspark {

/// CRC-32 of IEEE 802.3 over the key and then the bytes, so that a record never passes for another one's.
std::uint32_t record_crc(std::uint8_t key, std::span<const std::uint8_t> bytes);

enum class Loaded : std::uint8_t { kAbsent, kValid, kDamaged };

/// On flash: version u8, content, CRC u32 little-endian over both.
template <std::size_t kBytes>
class StoredRecord {
 public:
  using Content = std::array<std::uint8_t, kBytes>;

  static constexpr Micros kQuiet = 2 * kSecond;    ///< written so long after the last change
  static constexpr Micros kLatest = 10 * kSecond;  ///< but no later than this after the first
  static constexpr Micros kRetry = 60 * kSecond;   ///< after a failed write

  /// `fallback`: what counts while there is none; it is never written where none is stored.
  constexpr StoredRecord(std::uint8_t key, std::uint8_t version, Content fallback = {})
      : key_(key), version_(version), fallback_(fallback), wanted_(fallback) {}

  Loaded load(StoragePort& storage) {
    std::array<std::uint8_t, kSize> raw{};
    const auto length = storage.read(key_, raw);
    if (length == 0) return Loaded::kAbsent;
    const auto covered = std::span(raw).template first<1 + kBytes>();
    if (length != kSize || raw[0] != version_ || crc_in(raw) != record_crc(key_, covered)) {
      is_damaged_ = true;
      return Loaded::kDamaged;
    }
    Content content{};
    std::copy_n(raw.begin() + 1, kBytes, content.begin());
    stored_ = content;
    wanted_ = content;
    return Loaded::kValid;
  }

  /// What was loaded or set last, else the fallback.
  [[nodiscard]] const Content& content() const { return wanted_; }
  /// False: neither loaded nor set, the content is the fallback.
  [[nodiscard]] bool is_known() const { return is_known_ || stored_.has_value(); }
  /// What is on flash could not be used and was not replaced yet.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  /// The last write failed; it is tried again.
  [[nodiscard]] bool has_failed() const { return has_failed_; }

  void set(Micros now, const Content& content) {
    is_known_ = true;
    if (wanted_ == content) return;
    wanted_ = content;
    schedule(now);
  }

  /// As `set`, but written at once where the last write is long enough ago.
  void set_at_once(Micros now, const Content& content) {
    const bool is_change = wanted_ != content;
    set(now, content);
    const bool is_rested = !written_at_ || now - *written_at_ >= kLatest;
    if (is_change && due_at_ && is_rested) due_at_ = now;
  }

  /// Replaces what is damaged on flash.
  void heal(Micros now) {
    if (is_damaged_) schedule(now);
  }

  void write_if_due(Micros now, StoragePort& storage) {
    if (due_at_ && now >= *due_at_) write(now, storage);
  }

  /// Writes at once what is not on flash yet.
  void flush(Micros now, StoragePort& storage) {
    if (due_at_) write(now, storage);
  }

 private:
  static constexpr std::size_t kSize = 1 + kBytes + 4;

  void schedule(Micros now) {
    const bool is_on_flash = !is_damaged_ && wanted_ == stored_.value_or(fallback_);
    if (is_on_flash) {
      due_at_.reset();
      return;
    }
    if (!due_at_) latest_at_ = now + kLatest;
    due_at_ = std::min(now + kQuiet, latest_at_);
  }

  void write(Micros now, StoragePort& storage) {
    written_at_ = now;
    std::array<std::uint8_t, kSize> raw{};
    raw[0] = version_;
    std::copy(wanted_.begin(), wanted_.end(), raw.begin() + 1);
    auto crc = record_crc(key_, std::span(raw).template first<1 + kBytes>());
    for (std::size_t i = 1 + kBytes; i < kSize; ++i, crc >>= 8) raw[i] = static_cast<std::uint8_t>(crc & 0xFFU);
    has_failed_ = !storage.write(key_, raw);
    if (has_failed_) {
      due_at_ = now + kRetry;
      latest_at_ = *due_at_;
      return;
    }
    stored_ = wanted_;
    is_damaged_ = false;
    due_at_.reset();
  }

  static std::uint32_t crc_in(const std::array<std::uint8_t, kSize>& raw) {
    std::uint32_t crc = 0;
    for (std::size_t i = kSize; i-- > 1 + kBytes;) crc = crc << 8 | raw[i];
    return crc;
  }

  std::uint8_t key_;
  std::uint8_t version_;
  bool is_known_ = false;
  bool is_damaged_ = false;
  bool has_failed_ = false;
  Content fallback_;
  Content wanted_;
  std::optional<Content> stored_;
  std::optional<Micros> due_at_;
  std::optional<Micros> written_at_;  ///< tried last
  Micros latest_at_ = 0;
};

}  // namespace alfaspark
