// What survives a power cut: each setting a record of its own, so that a damaged one falls back alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/parameters.hpp"
#include "alfaspark/modes/held_state.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/mode_settings.hpp"
#include "alfaspark/settings/parameters.hpp"
#include "alfaspark/settings/stored_record.hpp"

namespace alfaspark {

class Settings {
 public:
  /// Keeps references; `load` fills `parameters` and `modes`.
  Settings(StoragePort& storage, Parameters& parameters, ModeSettings& modes);

  /// Once, at start.
  void load();
  /// Writes what is due.
  void tick(Micros now);
  /// Writes at once what is not on flash yet: before a restart.
  void flush(Micros now);

  /// nullopt: never stored, or damaged.
  [[nodiscard]] std::optional<std::uint8_t> node_number() const;
  void set_node_number(Micros now, std::uint8_t number);
  [[nodiscard]] HeldState held() const;
  void set_held(Micros now, const HeldState& held);
  /// Parameters or modes were changed by an accepted command: they are stored, and what was damaged is replaced.
  void on_setting_accepted(Micros now);

  /// A record was damaged and fell back to its default, and no setting was accepted since.
  [[nodiscard]] bool were_reset() const { return were_reset_; }
  [[nodiscard]] bool has_storage_failed() const;

 private:
  template <typename Self, typename Visitor>
  static void for_each_record(Self& self, Visitor&& visit);
  void load_parameters();
  void load_modes();

  static constexpr std::uint8_t kAllClosed = 0x0F;

  StoragePort& storage_;
  Parameters& parameters_;
  ModeSettings& modes_;

  // Keys and versions on flash. A key is never used for something else; a content that changes gets a new version.
  StoredRecord<1> node_number_{1, 1};
  StoredRecord<2> manual_{2, 1, {kAllClosed, 0}};
  StoredRecord<1> modes_record_{3, 1};
  StoredRecord<6> latch_{4, 1};
  StoredRecord<3> positions_{5, 1, {kAllClosed, 0, 0}};
  std::array<StoredRecord<5>, kWindows> windows_;                     ///< keys 16..23
  std::array<StoredRecord<4>, kParameters.size()> parameter_values_;  ///< keys 32..
  bool were_reset_ = false;
};

}  // namespace alfaspark
