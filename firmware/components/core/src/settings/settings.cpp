#include "alfaspark/settings/settings.hpp"

#include <utility>

#include "alfaspark/settings/record_content.hpp"

namespace alfaspark {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFirstWindowKey = 16;
constexpr std::uint8_t kFirstParameterKey = 32;

template <std::size_t... kIndices>
std::array<StoredRecord<5>, kWindows> window_records(std::index_sequence<kIndices...> /*unused*/) {
  return {StoredRecord<5>(kFirstWindowKey + kIndices, kVersion)...};
}

template <std::size_t... kIndices>
std::array<StoredRecord<4>, kParameters.size()> parameter_records(std::index_sequence<kIndices...> /*unused*/) {
  return {StoredRecord<4>(kFirstParameterKey + kIndices, kVersion,
                          record_content::of_value(kParameters[kIndices].default_value))...};
}

}  // namespace

Settings::Settings(StoragePort& storage, Parameters& parameters, ModeSettings& modes)
    : storage_(storage),
      parameters_(parameters),
      modes_(modes),
      windows_(window_records(std::make_index_sequence<kWindows>())),
      parameter_values_(parameter_records(std::make_index_sequence<kParameters.size()>())) {}

template <typename Self, typename Visitor>
void Settings::for_each_record(Self& self, Visitor&& visit) {
  visit(self.node_number_);
  visit(self.manual_);
  visit(self.modes_record_);
  visit(self.latch_);
  visit(self.positions_);
  for (auto& record : self.windows_) visit(record);
  for (auto& record : self.parameter_values_) visit(record);
}

void Settings::load() {
  for_each_record(*this, [this](auto& record) {
    if (record.load(storage_) == Loaded::kDamaged) were_reset_ = true;
  });
  load_parameters();
  load_modes();
}

void Settings::load_parameters() {
  std::array<std::int32_t, kParameters.size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = record_content::to_value(parameter_values_[i].content());
  }
  if (!parameters_.restore(values)) were_reset_ = true;
}

void Settings::load_modes() {
  constexpr std::uint8_t kEveryMode = 0x1F;
  modes_.modes = static_cast<std::uint8_t>(modes_record_.content()[0] & kEveryMode);
  bool are_valid = true;
  for (std::size_t i = 0; i < kWindows; ++i) {
    modes_.windows[i] = record_content::to_window(windows_[i].content(), are_valid);
  }
  if (!are_valid) were_reset_ = true;
}

void Settings::tick(Micros now) {
  for_each_record(*this, [&](auto& record) { record.write_if_due(now, storage_); });
}

void Settings::flush(Micros now) {
  for_each_record(*this, [&](auto& record) { record.flush(now, storage_); });
}

std::optional<std::uint8_t> Settings::node_number() const {
  if (!node_number_.is_known()) return std::nullopt;
  return node_number_.content()[0];
}

void Settings::set_node_number(Micros now, std::uint8_t number) {
  node_number_.set(now, {number});
  node_number_.heal(now);
}

HeldState Settings::held() const {
  HeldState held;
  if (manual_.is_known()) held.manual = record_content::to_manual(manual_.content());
  // None stored means that they never differed from the fallback.
  if (!positions_.is_damaged()) held.positions = record_content::to_positions(positions_.content());
  if (latch_.is_known()) held.latch = record_content::to_latch(latch_.content());
  return held;
}

void Settings::set_held(Micros now, const HeldState& held) {
  if (held.manual) manual_.set(now, record_content::of_manual(*held.manual));
  if (held.positions) positions_.set(now, record_content::of_positions(*held.positions));
  // After a restart in this moment the relay could not tell why it is open.
  if (held.latch) latch_.set_at_once(now, record_content::of_latch(*held.latch));
}

void Settings::on_setting_accepted(Micros now) {
  were_reset_ = false;
  modes_record_.set(now, {modes_.modes});
  for (std::size_t i = 0; i < kWindows; ++i) windows_[i].set(now, record_content::of_window(modes_.windows[i]));
  for (std::size_t i = 0; i < kParameters.size(); ++i) {
    const auto value = parameters_.get(static_cast<Parameter>(i));
    parameter_values_[i].set(now, record_content::of_value(value));
  }
  for_each_record(*this, [now](auto& record) { record.heal(now); });
}

bool Settings::has_storage_failed() const {
  bool has_failed = false;
  for_each_record(*this, [&has_failed](const auto& record) { has_failed = has_failed || record.has_failed(); });
  return has_failed;
}

}  // namespace alfaspark
