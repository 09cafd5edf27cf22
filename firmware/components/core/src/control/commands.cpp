#include "alfaspark/control/commands.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace alfaspark {

using frames::Command;
using frames::Result;
namespace commands = frames::commands;

namespace {

/// Closings that follow from one command to all are spread over the nodes, so that a house does not start at once.
constexpr Micros kClosingStep = 250 * kMillisecond;
constexpr std::uint8_t kSteps = 16;
/// Likewise all losses that all packs keep, 0.64 s of frames each: 8 packs at a time fill a tenth of the bus.
constexpr Micros kGridLossesStep = 640 * kMillisecond;
/// A calibration against less than this share of the rated current would be one of noise.
constexpr float kLeastToCalibrate = 0.02F;

}  // namespace

const Commands::Entry* Commands::entry_of(std::uint8_t command) {
  using C = Commands;
  using R = Request;
  static constexpr bool kToAll = true;
  static constexpr bool kSetting = true;
  static constexpr bool kPacks = true;
  static constexpr std::array<Entry, 13> kTable{{
      {Command::kSetMode, commands::SetMode::kLength, kToAll, kSetting, kPacks, R::kNone, &C::set_mode},
      {Command::kSetRelay, commands::SetRelay::kLength, kToAll, kSetting, kPacks, R::kNone, &C::set_relay},
      {Command::kSetParameter, commands::SetParameter::kLength, kToAll, kSetting, !kPacks, R::kNone, &C::set_parameter},
      {Command::kGetParameter, commands::GetParameter::kLength, kToAll, !kSetting, !kPacks, R::kNone,
       &C::get_parameter},
      {Command::kSetWindow, commands::SetWindow::kLength, kToAll, kSetting, kPacks, R::kNone, &C::set_window},
      {Command::kGetWindow, commands::GetWindow::kLength, kToAll, !kSetting, kPacks, R::kNone, &C::get_window},
      {Command::kReadGridLosses, commands::ReadGridLosses::kLength, kToAll, !kSetting, kPacks, R::kNone,
       &C::read_grid_losses},
      {Command::kRestoreImport, commands::RestoreImport::kLength, !kToAll, !kSetting, kPacks, R::kNone,
       &C::restore_import},
      {Command::kResetImport, commands::ResetImport::kLength, !kToAll, !kSetting, kPacks, R::kNone, &C::reset_import},
      {Command::kIdentify, commands::Identify::kLength, kToAll, !kSetting, !kPacks, R::kNone, &C::identify},
      {Command::kRestart, commands::Restart::kLength, !kToAll, !kSetting, !kPacks, R::kRestart, &C::restart},
      {Command::kFactoryReset, commands::FactoryReset::kLength, !kToAll, !kSetting, !kPacks, R::kFactoryReset,
       &C::factory_reset},
      {Command::kCalibrate, commands::Calibrate::kLength, !kToAll, kSetting, kPacks, R::kNone, &C::calibrate},
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
    const bool is_who = commands::Who::decode(payload).has_value();
    return {.response = std::nullopt, .request = is_who ? Request::kAnswerWho : Request::kNone};
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
    if (result == Result::kAccepted) {
      outcome.setting_accepted = entry->is_setting;
      outcome.request = entry->request;
    }
  }
  memory_.remember(now, payload, outcome.response);
  return outcome;
}

void Commands::set_time(const Call& call) {
  if (const auto time = commands::SetTime::decode(call.payload)) {
    subjects_.clock.set(call.now, *time);
  } else {
    subjects_.clock.count_invalid();
  }
}

Commands::Answer Commands::answer(const Entry* entry, const Call& call) {
  if (entry == nullptr) return {.result = Result::kUnknownCommand};
  if (call.payload.size() != entry->length) return {.result = Result::kBadLength};
  if (call.to_all && !entry->allowed_to_all) return {.result = Result::kNotAllowedToAll};
  const bool is_pack = subjects_.identity.device_type == frames::DeviceType::kEnergyPack;
  if (entry->packs_only && !is_pack) return {.result = Result::kNotSupported};
  return (this->*entry->execute)(call);
}

Commands::Answer Commands::set_mode(const Call& call) {
  const auto command = commands::SetMode::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  auto& modes = subjects_.modes.modes;
  modes = static_cast<std::uint8_t>(command->on ? modes | bit(command->mode) : modes & ~bit(command->mode));
  if (call.to_all) {
    subjects_.relays.delay_closings(call.now + subjects_.bus.node() % kSteps * kClosingStep);
  }
  return {};
}

Commands::Answer Commands::set_relay(const Call& call) {
  const auto command = commands::SetRelay::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  if (call.to_all && command->closed) return {.result = Result::kNotAllowedToAll};
  const auto verdict = subjects_.relays.set_manual(call.now, command->relay, command->closed);
  return {.result = verdict.result, .detail = static_cast<std::uint8_t>(verdict.reason)};
}

Commands::Answer Commands::set_parameter(const Call& call) {
  const auto command = commands::SetParameter::decode(call.payload);
  if (!command || !subjects_.parameters.at(command->index)) return {.result = Result::kOutOfRange};
  const auto parameter = static_cast<Parameter>(command->index);
  if (!subjects_.parameters.set(parameter, command->value)) return {.result = Result::kOutOfRange};
  return {.value = static_cast<std::uint32_t>(command->value)};
}

// NOLINTNEXTLINE(readability-make-member-function-const): the table's entries are of one type
Commands::Answer Commands::get_parameter(const Call& call) {
  const auto command = commands::GetParameter::decode(call.payload);
  const auto value = command ? subjects_.parameters.at(command->index) : std::nullopt;
  if (!value) return {.result = Result::kOutOfRange};
  return {.value = static_cast<std::uint32_t>(*value)};
}

Commands::Answer Commands::set_window(const Call& call) {
  const auto command = commands::SetWindow::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  auto& window = subjects_.modes.windows.at(command->slot);
  window = Window{command->start_min, command->end_min, command->weekdays};
  if (command->start_min == command->end_min || command->weekdays == 0) window.reset();
  return {};
}

Commands::Answer Commands::get_window(const Call& call) {
  const auto command = commands::GetWindow::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  const auto window = subjects_.modes.windows.at(command->slot).value_or(Window{});
  return {.value = window.start_min | std::uint32_t{window.end_min} << 12U | std::uint32_t{window.weekdays} << 24U};
}

Commands::Answer Commands::read_grid_losses(const Call& call) {
  auto& losses = subjects_.grid_losses;
  losses.tell_all(call.now + (call.to_all ? subjects_.bus.node() % kSteps * kGridLossesStep : 0));
  return {.value = static_cast<std::uint32_t>(losses.size()) | std::uint32_t{losses.newest()} << 8U};
}

Commands::Answer Commands::restore_import(const Call& call) {
  constexpr float kCountsPerKwh = 100.0F;
  const auto command = commands::RestoreImport::decode(call.payload);
  if (!command || command->boot_id != subjects_.bus.boot_id()) return {.result = Result::kOutOfRange};
  const auto before_boot = static_cast<std::uint16_t>(std::lround(command->before_boot_kwh * kCountsPerKwh));
  const auto result = subjects_.relays.restore_import(before_boot, command->import_day);
  const auto reason = result == Result::kBusy ? frames::Reason::kClockUnknown : frames::Reason::kStartUp;
  return {.result = result, .detail = static_cast<std::uint8_t>(reason)};
}

Commands::Answer Commands::reset_import(const Call& call) {
  subjects_.relays.reset_import(call.now);
  return {};
}

Commands::Answer Commands::identify(const Call& call) {
  const auto command = commands::Identify::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  subjects_.indicators.identify(call.now, command->seconds);
  return {};
}

// The pack does it, once the answer is on its way.
Commands::Answer Commands::restart(const Call& /*call*/) { return {}; }

Commands::Answer Commands::factory_reset(const Call& call) {
  if (!commands::FactoryReset::decode(call.payload)) return {.result = Result::kOutOfRange};
  return {};
}

Commands::Answer Commands::calibrate(const Call& call) {
  constexpr float kAmperePerMa = 1e-3F;
  constexpr float kNominalGain = 1e6F;
  const auto command = commands::Calibrate::decode(call.payload);
  if (!command) return {.result = Result::kOutOfRange};
  const auto channel = static_cast<std::size_t>(command->channel);
  const auto measured_a = subjects_.sensing.uncalibrated_a(channel);
  if (!measured_a || subjects_.sensing.readings().clipped.at(channel)) return {.result = Result::kBusy};
  const auto rated_a = static_cast<float>(subjects_.parameters.get(of_channel(Parameter::kCtRatedGrid, channel)));
  if (*measured_a < kLeastToCalibrate * rated_a) return {.result = Result::kOutOfRange};
  const float gain = static_cast<float>(command->reference_ma) * kAmperePerMa / *measured_a * kNominalGain;
  const auto parameter = of_channel(Parameter::kCtGainGrid, channel);
  const auto& range = kParameters.at(static_cast<std::size_t>(parameter));
  // Compared before it is rounded: a huge reference fits no integer.
  const bool fits = gain >= static_cast<float>(range.minimum) && gain <= static_cast<float>(range.maximum);
  if (!fits || !subjects_.parameters.set(parameter, static_cast<std::int32_t>(std::lround(gain)))) {
    return {.result = Result::kOutOfRange};
  }
  return {.value = static_cast<std::uint32_t>(subjects_.parameters.get(parameter))};
}

}  // namespace alfaspark
