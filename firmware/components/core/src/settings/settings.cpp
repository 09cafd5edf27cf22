#include "alfaspark/settings/settings.hpp"

namespace alfaspark {

void Settings::load() {
  const bool node_damaged = node_number_.load(storage_) == Loaded::kDamaged;
  const bool relays_damaged = manual_relays_.load(storage_) == Loaded::kDamaged;
  were_reset_ = node_damaged || relays_damaged;
}

void Settings::tick(Micros now) {
  write(now, node_number_, node_failed_);
  write(now, manual_relays_, relays_failed_);
}

std::optional<std::uint8_t> Settings::node_number() const {
  if (!node_number_.content()) return std::nullopt;
  return (*node_number_.content())[0];
}

void Settings::set_node_number(Micros now, std::uint8_t number) { node_number_.set(now, {number}); }

std::optional<ManualRelays> Settings::manual_relays() const {
  if (!manual_relays_.content()) return std::nullopt;
  const auto [closed, is_reset] = *manual_relays_.content();
  return ManualRelays{.closed = closed, .is_reset = is_reset != 0};
}

void Settings::set_manual_relays(Micros now, ManualRelays relays) {
  manual_relays_.set(now, {relays.closed, static_cast<std::uint8_t>(relays.is_reset ? 1 : 0)});
}

template <typename Record>
void Settings::write(Micros now, Record& record, bool& failed) {
  const auto written = record.write_if_due(now, storage_);
  if (written != Written::kNotDue) failed = written == Written::kFailed;
}

}  // namespace alfaspark
