// The flash of a pack's controller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// Records by key, in memory and, where a directory is given, in one file each, so that they outlive the simulator.
class Flash final : public StoragePort {
 public:
  static constexpr std::size_t kLongestRecord = 1024;

  /// Reads what the directory holds, making it where needed. Throws std::runtime_error with a sentence for the user.
  explicit Flash(std::optional<std::filesystem::path> directory = std::nullopt);

  std::size_t read(std::uint8_t key, std::span<std::uint8_t> record) override;
  bool write(std::uint8_t key, std::span<const std::uint8_t> record) override;

  /// Writes that succeeded.
  [[nodiscard]] std::uint64_t writes() const { return writes_; }
  void forget_writes() { writes_ = 0; }
  /// As a new chip.
  void erase();
  /// Turns over a bit of every record.
  void corrupt();

 private:
  using Record = std::vector<std::uint8_t>;
  [[nodiscard]] std::filesystem::path file_of(std::uint8_t key) const;
  [[nodiscard]] bool save(std::uint8_t key, const Record& record) const;

  std::optional<std::filesystem::path> directory_;
  std::map<std::uint8_t, Record> records_;
  std::uint64_t writes_ = 0;
};

}  // namespace alfaspark::sim
