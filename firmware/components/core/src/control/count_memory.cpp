#include "alfaspark/control/count_memory.hpp"

#include "alfaspark/settings/record_content.hpp"

namespace alfaspark {
namespace {

constexpr std::uint64_t kMicrowattMicrosPerMicrowattHour = 3'600'000'000;

/// Numbers one after the other, little-endian.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> bytes) : bytes_(bytes) {}
  void put(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i, value >>= 8) bytes_[at_++] = static_cast<std::uint8_t>(value & 0xFFU);
  }

 private:
  std::span<std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t take(std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes_[at_ + i];
    at_ += size;
    return value;
  }
  std::uint32_t take_u32() { return static_cast<std::uint32_t>(take(4)); }
  std::int32_t take_i32() { return static_cast<std::int32_t>(take_u32()); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

void put_import(Writer& writer, const CarriedImport& import) {
  writer.put(import.import_uwh, 8);
  writer.put(import.counted_for_s, 4);
  writer.put((import.was_reset ? 1U : 0U) | (import.day ? 2U : 0U), 1);
  writer.put(static_cast<std::uint32_t>(import.day.value_or(0)), 4);
  writer.put(static_cast<std::uint32_t>(import.last_begun_day), 4);
  for (const auto byte : record_content::of_latch(import.latch)) writer.put(byte, 1);
}

CarriedImport take_import(Reader& reader) {
  CarriedImport import;
  import.import_uwh = reader.take(8);
  import.counted_for_s = reader.take_u32();
  const auto flags = reader.take(1);
  import.was_reset = (flags & 1U) != 0;
  const auto day = reader.take_i32();
  if ((flags & 2U) != 0) import.day = day;
  import.last_begun_day = reader.take_i32();
  std::array<std::uint8_t, 6> latch{};
  for (auto& byte : latch) byte = static_cast<std::uint8_t>(reader.take(1));
  import.latch = record_content::to_latch(latch);
  return import;
}

}  // namespace

std::optional<CarriedCounts> CountMemory::start(RestartCause cause) {
  const auto content = record_.load();
  const bool had_supply = cause == RestartCause::kSoftware || cause == RestartCause::kWatchdog;
  if (content && had_supply) kept_ = to_counts(*content);
  // What may not go on now must not do so after the next restart either.
  if (!kept_) record_.erase();
  return kept_;
}

void CountMemory::keep(const CarriedCounts& counts) {
  if (kept_ == counts) return;
  kept_ = counts;
  record_.write(content_of(counts));
}

CountMemory::Record::Content CountMemory::content_of(const CarriedCounts& counts) {
  Record::Content content{};
  Writer writer(content);
  writer.put(counts.count_id, 2);
  for (const auto& energy : counts.counts.energies) {
    writer.put(energy.microwatt_hours, 8);
    writer.put(energy.microwatt_micros, 4);
  }
  for (const auto pulses : counts.counts.pulses) writer.put(pulses, 4);
  put_import(writer, counts.import);
  return content;
}

std::optional<CarriedCounts> CountMemory::to_counts(const Record::Content& content) {
  Reader reader(content);
  CarriedCounts counts{.count_id = static_cast<std::uint16_t>(reader.take(2))};
  if (counts.count_id > kCountIdMask) return std::nullopt;
  for (auto& energy : counts.counts.energies) {
    energy.microwatt_hours = reader.take(8);
    energy.microwatt_micros = reader.take(4);
    if (energy.microwatt_micros >= kMicrowattMicrosPerMicrowattHour) return std::nullopt;
  }
  for (auto& pulses : counts.counts.pulses) pulses = reader.take_u32();
  counts.import = take_import(reader);
  return counts;
}

}  // namespace alfaspark
