// What a restart of the program hands on, whatever the memory holds and whenever the restart comes.
#include "alfaspark/control/count_memory.hpp"

#include <limits>
#include <random>

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

constexpr auto kSoftware = RestartCause::kSoftware;

/// Counts that differ in every field from those of another number.
CarriedCounts counts_of(std::uint32_t number) {
  CarriedCounts counts{.count_id = static_cast<std::uint16_t>((0x123 + number) & kCountIdMask)};
  for (std::size_t i = 0; i < kEnergyCounters; ++i) {
    counts.counts.energies[i] = {.microwatt_hours = 0x0102'0304'0506'0000ULL * (i + 1) + number,
                                 .microwatt_micros = (3'599'999'990ULL - 1000 * i) + number % 9};
  }
  counts.counts.pulses = {0xFFFF'FFF0U + number, 7 + number};
  counts.import = {.import_uwh = 0x0A0B'0C0D'0E00ULL + number,
                   .counted_for_s = 86'399 - number,
                   .was_reset = number % 2 == 0,
                   .day = number % 3 == 0 ? std::nullopt : std::optional(20'605 + static_cast<std::int32_t>(number)),
                   .last_begun_day = -3 + static_cast<std::int32_t>(number),
                   .latch = {.is_exhausted = number % 2 == 1,
                             .import_day = static_cast<std::uint16_t>(40'000 + number),
                             .import_10wh = static_cast<std::uint16_t>(65'000 + number)}};
  return counts;
}

std::optional<CarriedCounts> after_restart(Retained& port, RestartCause cause = kSoftware) {
  return CountMemory(port).start(cause);
}

}  // namespace

TEST_CASE("R4: what was kept goes on after a restart by software or watchdog, in full precision") {
  const auto cause = GENERATE(RestartCause::kSoftware, RestartCause::kWatchdog);
  Retained port;
  for (std::uint32_t number = 0; number < 6; ++number) {
    CountMemory memory(port);
    if (number == 0) {
      CHECK_FALSE(memory.start(RestartCause::kPowerOn));
    } else {
      CHECK(memory.start(cause) == counts_of(number - 1));
    }
    memory.keep(counts_of(number));
  }
}

TEST_CASE("R4: after a brown-out or power-on everything begins at 0, also after the restart that follows") {
  const auto cause = GENERATE(RestartCause::kPowerOn, RestartCause::kBrownOut);
  Retained port;
  CountMemory memory(port);
  memory.start(RestartCause::kPowerOn);
  for (std::uint32_t number = 0; number <= GENERATE(0U, 1U, 2U); ++number) memory.keep(counts_of(number));
  CHECK_FALSE(after_restart(port, cause));
  CHECK_FALSE(after_restart(port));
}

TEST_CASE("R4: memory that holds anything is never taken for counts") {
  Retained port;
  SECTION("one value everywhere") {
    for (int value = 0; value < 256; ++value) {
      port.bytes.fill(static_cast<std::uint8_t>(value));
      CHECK_FALSE(after_restart(port));
    }
  }
  SECTION("noise") {
    std::mt19937 dice(1);
    for (int round = 0; round < 2000; ++round) {
      for (auto& byte : port.bytes) byte = static_cast<std::uint8_t>(dice());
      CHECK_FALSE(after_restart(port));
    }
  }
  SECTION("a bit that turned over, in either slot") {
    CountMemory memory(port);
    memory.start(RestartCause::kPowerOn);
    memory.keep(counts_of(1));
    memory.keep(counts_of(2));
    const auto written = port.bytes;
    for (std::size_t bit = 0; bit < 8 * port.bytes.size(); ++bit) {
      port.bytes = written;
      port.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      const auto found = after_restart(port);
      CHECK((found == counts_of(1) || found == counts_of(2)));
    }
  }
}

TEST_CASE("R4: what is whole but cannot be, or was written by another version, is not taken") {
  constexpr std::size_t kBytes = 121;
  const auto version = GENERATE(std::uint8_t{1}, std::uint8_t{2});
  Retained port;
  RetainedRecord<kBytes> record(port, version);
  RetainedRecord<kBytes>::Content content{};
  if (version == 1) {
    record.write(content);
    REQUIRE(after_restart(port));  // this is how version 1 lies in memory
    SECTION("a count id beyond 12 bits") { content[1] = 0x10; }
    SECTION("a fraction that is more than one") { std::fill_n(content.begin() + 10, 4, std::uint8_t{0xFF}); }
  }
  record.write(content);
  CHECK_FALSE(after_restart(port));
}

TEST_CASE("R4: a restart at every byte of a write finds what was there before, or what was written") {
  Retained whole;
  CountMemory writer(whole);
  writer.start(RestartCause::kPowerOn);
  for (std::uint32_t number = 0; number <= 3; ++number) {
    const auto before = whole.bytes;
    writer.keep(counts_of(number));
    const auto length = RetainedRecord<121>::kSlotSize;
    for (std::size_t written = 0; written <= length; ++written) {
      Retained port;
      port.bytes = before;
      CountMemory memory(port);
      const auto found_before = memory.start(kSoftware);
      port.bytes_until_restart = written;
      memory.keep(counts_of(number));
      port.bytes_until_restart.reset();
      const auto found = after_restart(port);
      INFO("write " << number << " cut after " << written << " bytes");
      CHECK(found == (written < length ? found_before : counts_of(number)));
      // And it goes on from there.
      CountMemory next(port);
      next.start(kSoftware);
      next.keep(counts_of(9));
      CHECK(after_restart(port) == counts_of(9));
    }
  }
}

TEST_CASE("R4: a restart at every byte of the erasure after a brown-out finds nothing older than what was there last") {
  Retained whole;
  CountMemory writer(whole);
  writer.start(RestartCause::kPowerOn);
  writer.keep(counts_of(1));
  writer.keep(counts_of(2));
  if (GENERATE(true, false)) writer.keep(counts_of(3));
  const auto last = after_restart(whole);
  for (std::size_t written = 0; written <= 2 * RetainedRecord<121>::kSlotSize; ++written) {
    Retained port;
    port.bytes = whole.bytes;
    port.bytes_until_restart = written;
    CHECK_FALSE(after_restart(port, RestartCause::kBrownOut));
    port.bytes_until_restart.reset();
    const auto found = after_restart(port);
    INFO("cut after " << written << " bytes");
    CHECK((!found || found == last));
  }
}

TEST_CASE("The sequence of writes may wrap") {
  Retained port;
  RetainedRecord<4> record(port, 7);
  record.write({1});
  // The slot that was written, with a sequence just before the wrap.
  constexpr auto kSlot = RetainedRecord<4>::kSlotSize;
  for (std::size_t at = 0; at < 2 * kSlot; at += kSlot) {
    std::fill_n(port.bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, std::uint8_t{0xFF});
    auto crc = record_crc(7, std::span(port.bytes).subspan(at, 8));
    for (std::size_t i = 8; i < 12; ++i, crc >>= 8) port.bytes[at + i] = static_cast<std::uint8_t>(crc & 0xFFU);
  }
  RetainedRecord<4> next(port, 7);
  REQUIRE(next.load());
  for (std::uint8_t value = 2; value < 6; ++value) {
    next.write({value});
    CHECK(RetainedRecord<4>(port, 7).load() == std::array<std::uint8_t, 4>{value});
  }
}

TEST_CASE("What did not change is not written") {
  Retained port;
  CountMemory memory(port);
  memory.start(RestartCause::kPowerOn);
  memory.keep(counts_of(1));
  const auto writes = port.writes;
  memory.keep(counts_of(1));
  CHECK(port.writes == writes);
  CountMemory next(port);
  next.start(kSoftware);
  next.keep(counts_of(1));
  CHECK(port.writes == writes);
}

}  // namespace alfaspark::control_test
