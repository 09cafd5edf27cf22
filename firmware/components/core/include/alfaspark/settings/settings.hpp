// What survives a power cut: each setting a record of its own, so that a damaged one falls back alone.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/ports.hpp"
#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {

/// What the hand wants of the relays.
struct ManualRelays {
  std::uint8_t closed = 0;  ///< bits of frames::Relay, 1 = closed
  bool is_reset = false;    ///< by a factory reset: to be taken at the next start, wherever the relays are then
  bool operator==(const ManualRelays&) const = default;
};

class Settings {
 public:
  explicit Settings(StoragePort& storage) : storage_(storage) {}

  /// Once, at start.
  void load();
  /// Writes what is due.
  void tick(Micros now);

  /// nullopt: never stored, or damaged.
  [[nodiscard]] std::optional<std::uint8_t> node_number() const;
  void set_node_number(Micros now, std::uint8_t number);
  /// nullopt: never stored, or damaged.
  [[nodiscard]] std::optional<ManualRelays> manual_relays() const;
  void set_manual_relays(Micros now, ManualRelays relays);

  /// A damaged record fell back to its default, and no setting was accepted since.
  [[nodiscard]] bool were_reset() const { return were_reset_; }
  void on_setting_accepted() { were_reset_ = false; }
  /// The last write failed; it is tried again.
  [[nodiscard]] bool has_storage_failed() const { return node_failed_ || relays_failed_; }

 private:
  template <typename Record>
  void write(Micros now, Record& record, bool& failed);

  StoragePort& storage_;
  StoredRecord<1> node_number_{1, 1};
  StoredRecord<2> manual_relays_{2, 1};
  bool were_reset_ = false;
  bool node_failed_ = false;
  bool relays_failed_ = false;
};

}  // namespace alfaspark
