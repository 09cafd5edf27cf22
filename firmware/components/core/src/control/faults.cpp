#include "alfaspark/control/faults.hpp"

namespace alfaspark {
namespace {

bool is_of_sensor(frames::FaultCode code) {
  return code == frames::FaultCode::kSensorClipped || code == frames::FaultCode::kOpenRelayCurrent ||
         code == frames::FaultCode::kGridSenseImplausible;
}

}  // namespace

void Faults::set(Micros now, frames::FaultCode code, bool active, std::uint8_t channel) {
  auto& slot = slots_[static_cast<std::size_t>(code) - 1][channel];
  if (active) slot.seen_at = now;
  if (active == slot.active) return;
  const bool of_sensor = is_of_sensor(code);
  if (!active && of_sensor && now - slot.seen_at < kSensorHold) return;
  slot.active = active;
  if (active) slot.unreported = !slot.reported;
  active_ += active ? 1 : -1;
  if (of_sensor) active_of_sensors_ += active ? 1 : -1;
  changed_ = true;
}

void Faults::set_argument(frames::FaultCode code, std::uint8_t argument) {
  slots_[static_cast<std::size_t>(code) - 1][0].argument = argument;
}

void Faults::repeat() {
  for (auto& channels : slots_) {
    for (auto& slot : channels) slot.unreported = slot.unreported || slot.active;
  }
  changed_ = true;
}

void Faults::repeat_all() {
  repeat();
  for (auto& channels : slots_) {
    for (auto& slot : channels) slot.reported = slot.ever_reported;
  }
}

std::optional<frames::Fault> Faults::take_change() {
  if (!changed_) return std::nullopt;
  for (std::size_t code = 0; code < kCodes; ++code) {
    for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
      auto& slot = slots_[code][channel];
      const bool appears = slot.unreported;
      const bool clears = slot.reported && !slot.active;
      if (!appears && !clears) continue;
      slot.unreported = false;
      slot.reported = appears;
      slot.ever_reported = slot.ever_reported || appears;
      return frames::Fault{.code = static_cast<frames::FaultCode>(code + 1),
                           .active = appears,
                           .argument = slot.argument.value_or(static_cast<std::uint8_t>(channel))};
    }
  }
  changed_ = false;
  return std::nullopt;
}

}  // namespace alfaspark
