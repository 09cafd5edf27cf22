// A board without hardware: relays that stay where they are put, flash that can fail, memory that a restart may hit in
// the middle of a write, indicators that remember.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "alfaspark/ports.hpp"

namespace alfaspark::control_test {

class RelayBoard final : public RelayPort {
 public:
  void set(std::size_t relay, bool closed) override {
    positions.at(relay) = closed;
    ++movements;
  }
  [[nodiscard]] bool is_closed(std::size_t relay) const override { return positions.at(relay); }
  [[nodiscard]] bool kept_positions() const override { return is_software_restart; }

  std::array<bool, 4> positions{};  // without supply: open
  int movements = 0;
  bool is_software_restart = false;
};

class Flash final : public StoragePort {
 public:
  std::size_t read(std::uint8_t key, std::span<std::uint8_t> record) override {
    const auto found = records.find(key);
    if (found == records.end() || found->second.size() > record.size()) return 0;
    std::copy(found->second.begin(), found->second.end(), record.begin());
    return found->second.size();
  }
  bool write(std::uint8_t key, std::span<const std::uint8_t> record) override {
    ++writes;
    if (is_broken) return false;
    records[key].assign(record.begin(), record.end());
    return true;
  }

  std::map<std::uint8_t, std::vector<std::uint8_t>> records;
  int writes = 0;
  bool is_broken = false;
};

class Retained final : public RetainedPort {
 public:
  void read(std::size_t at, std::span<std::uint8_t> into) const override {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = bytes.at(at + i);
  }
  void write(std::size_t at, std::span<const std::uint8_t> from) override {
    ++writes;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (bytes_until_restart == 0U) return;
      if (bytes_until_restart) --*bytes_until_restart;
      bytes.at(at + i) = from[i];
    }
  }

  std::array<std::uint8_t, kSize> bytes{};
  std::optional<std::size_t> bytes_until_restart;  ///< so many are still written, and then none
  int writes = 0;
};

class Lights final : public IndicatorPort {
 public:
  void show(const Indication& indication) override {
    shown = indication;
    ++changes;
  }

  Indication shown;
  int changes = 0;
};

}  // namespace alfaspark::control_test
