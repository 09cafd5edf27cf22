#include "alfaspark/control/commands.hpp"

#include <algorithm>
#include <array>

namespace alfaspark {

using frames::Command;
using frames::Result;
namespace commands = frames::commands;

const Commands::Entry* Commands::entry_of(std::uint8_t command) {
  using C = Commands;
  static constexpr bool kToAll = true;
  static constexpr bool kSetting = true;
  static constexpr std::array<Entry, 12> kTable{{
      {Command::kSetMode, commands::SetMode::kLength, kToAll, kSetting, nullptr},
      {Command::kSetRelay, commands::SetRelay::kLength, kToAll, kSetting, &C::set_relay},
      {Command::kSetParameter, commands::SetParameter::kLength, kToAll, kSetting, nullptr},
      {Command::kGetParameter, commands::GetParameter::kLength, kToAll, !kSetting, &C::get_parameter},
      {Command::kSetWindow, commands::SetWindow::kLength, kToAll, kSetting, nullptr},
      {Command::kGetWindow, commands::GetWindow::kLength, kToAll, !kSetting, nullptr},
      {Command::kRestoreImport, commands::RestoreImport::kLength, !kToAll, !kSetting, nullptr},
      {Command::kResetImport, commands::ResetImport::kLength, !kToAll, !kSetting, nullptr},
      {Command::kIdentify, commands::Identify::kLength, kToAll, !kSetting, &C::identify},
      {Command::kRestart, commands::Restart::kLength, !kToAll, !kSetting, nullptr},
      {Command::kFactoryReset, commands::FactoryReset::kLength, !kToAll, !kSetting, nullptr},
      {Command::kCalibrate, commands::Calibrate::kLength, !kToAll, kSetting, nullptr},
  }};
  const auto found = std::find_if(kTable.begin(), kTable.end(), [command](const Entry& entry) {
    return static_cast<std::uint8_t>(entry.command) == command;
  });
  return found == kTable.end() ? nullptr : &*found;
}

Commands::Outcome Commands::execute(Micros now, std::span<const std::uint8_t> payload, bool to_all) {
  constexpr std::size_t kHeader = 2;  // command and sequence
  if (payload.size() < kHeader || payload.size() > frames::Payload{}.size()) return {};
  if (payload[0] == static_cast<std::uint8_t>(Command::kWho)) {
    return {.response = std::nullopt, .is_who = commands::Who::decode(payload).has_value()};
  }
  if (const auto* before = memory_.find(now, payload)) return {.response = before->response};

  const Call call{now, payload, to_all};
  Outcome outcome;
  if (payload[0] == static_cast<std::uint8_t>(Command::kSetTime)) {
    set_time(call);
  } else {
    const auto* entry = entry_of(payload[0]);
    const auto [result, detail, value] = answer(entry, call);
    outcome.response = frames::Response{
        .command = payload[0], .sequence = payload[1], .result = result, .detail = detail, .value = value};
    outcome.setting_accepted = result == Result::kAccepted && entry->is_setting;
  }
  memory_.remember(now, payload, outcome.response);
  return outcome;
}

void Commands::set_time(const Call& call) {
  if (const auto time = commands::SetTime::decode(call.payload)) {
    clock_.set(call.now, *time);
  } else {
    clock_.count_invalid();
  }
}

Commands::Answer Commands::answer(const Entry* entry, const Call& call) {
  if (entry == nullptr) return {.result = Result::kUnknownCommand};
  if (call.payload.size() != entry->length) return {.result = Result::kBadLength};
  if (call.to_all && !entry->allowed_to_all) return {.result = Result::kNotAllowedToAll};
  if (entry->execute == nullptr) return {.result = Result::kNotSupported};
  return (this->*entry->execute)(call);
}

Commands::Answer Commands::set_relay(const Call& call) {
  const auto command = commands::SetRelay::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  if (call.to_all && command->closed) return {.result = Result::kNotAllowedToAll};
  const auto verdict = relays_.set_manual(call.now, command->relay, command->closed);
  return {.result = verdict.result, .detail = static_cast<std::uint8_t>(verdict.reason)};
}

Commands::Answer Commands::get_parameter(const Call& call) {
  const auto command = commands::GetParameter::decode(call.payload);
  const auto value = command ? parameters_.at(command->index) : std::nullopt;
  if (!value) return {.result = Result::kOutOfRange};
  return {.value = static_cast<std::uint32_t>(*value)};
}

Commands::Answer Commands::identify(const Call& call) {
  const auto command = commands::Identify::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  indicators_.identify(call.now, command->seconds);
  return {};
}

}  // namespace alfaspark
