// What a restart of the program hands on to the next one: the counters, and the import of the day. Flash would wear
// out.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/control/retained_record.hpp"
#include "alfaspark/modes/held_state.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"

namespace alfaspark {

/// ENERGY carries so much of a boot id.
constexpr std::uint16_t kCountIdMask = 0x0FFF;

struct CarriedCounts {
  std::uint16_t count_id = 0;  ///< low 12 bits of the id of the boot in which the counters began at 0
  Counts counts{};
  CarriedImport import{};
  bool operator==(const CarriedCounts&) const = default;
};

class CountMemory {
 public:
  explicit CountMemory(RetainedPort& port) : record_(port, kVersion) {}

  /// Once, first: what goes on after this start; nullopt: everything begins at 0, because the supply was lost or the
  /// memory does not hold what was written.
  std::optional<CarriedCounts> start(RestartCause cause);
  /// What the next start is to find. Cheap: to be called whenever it may have changed.
  void keep(const CarriedCounts& counts);

 private:
  /// A content that is laid out otherwise gets another one.
  static constexpr std::uint8_t kVersion = 1;
  static constexpr std::size_t kBytes = 2 + kEnergyCounters * 12 + kPulseChannels * 4 + 27;

  using Record = RetainedRecord<kBytes>;

  static Record::Content content_of(const CarriedCounts& counts);
  static std::optional<CarriedCounts> to_counts(const Record::Content& content);

  Record record_;
  std::optional<CarriedCounts> kept_;
};

}  // namespace alfaspark
