#include "alfaspark/pack.hpp"

#include "alfaspark/bus/telemetry.hpp"

namespace alfaspark {
namespace {

/// The bar and LEDs blink so long when a factory reset was taken; it is on flash by then.
constexpr std::uint8_t kResetShownS = 3;
/// And so long when the button turned the import limit off.
constexpr std::uint8_t kLimitOffShownS = 1;

constexpr int kFirstImportWarningPct = 80;
constexpr int kSecondImportWarningPct = 90;

/// Commands that need no answer under an own number.
bool is_for_the_nameless(std::uint8_t command) {
  return command == static_cast<std::uint8_t>(frames::Command::kWho) ||
         command == static_cast<std::uint8_t>(frames::Command::kSetTime);
}

}  // namespace

Pack::Pack(const Identity& identity, const Hardware& hardware, const Ports& ports)
    : identity_(identity),
      system_(ports.system),
      settings_(ports.storage, parameters_, modes_),
      sensing_(hardware, ports.bms, parameters_),
      bus_(identity, ports.can, ports.system),
      relays_(ports.relays, parameters_, modes_),
      indicators_(ports.indicators),
      grid_losses_(ports.storage),
      commands_({.identity = identity_,
                 .bus = bus_,
                 .sensing = sensing_,
                 .clock = clock_,
                 .relays = relays_,
                 .parameters = parameters_,
                 .modes = modes_,
                 .indicators = indicators_,
                 .grid_losses = grid_losses_}),
      count_memory_(ports.retained) {}

void Pack::start(Micros now) {
  started_at_ = now;
  last_restart_ = system_.last_restart();
  faults_.set_argument(frames::FaultCode::kWatchdogRestart, last_restart_.task);
  settings_.load();
  if (is_pack()) grid_losses_.load();
  const auto boot_id = static_cast<std::uint16_t>(system_.random());
  const auto carried = count_memory_.start(last_restart_.cause);
  count_id_ = carried ? carried->count_id : static_cast<std::uint16_t>(boot_id & kCountIdMask);
  sensing_.start(now, carried ? carried->counts : Counts{});
  const auto grid = static_cast<std::size_t>(frames::EnergyCounter::kGrid);
  relays_.start(now, settings_.held(), carried ? std::optional(carried->import) : std::nullopt,
                readings().energies_wh[grid]);
  host_.start(now);
  bus_.start(now, boot_id, settings_.node_number());
}

void Pack::tick(Micros now) {
  sensing_.tick(now, relays_.closed());
  obey_button(now);
  control_relays(now);
  keep_counts(now);
  keep_settings(now);
  keep_grid_losses(now);
  watch_faults(now);
  const auto current = status(now);
  bus_.tick(now, announce_flags(now));
  send(now, current);
  show(now, current);
  restart_if_due(now);
}

void Pack::control_relays(Micros now) {
  if (!is_pack()) return;
  relays_.tick(now, {.readings = readings(),
                     .bms_lost = is_bms_lost(now),
                     .local_s = clock_.local_s(now),
                     .clock_unknown = is_clock_unknown(now)});
}

void Pack::on_can_frame(Micros now, const CanFrame& frame) {
  const auto function = function_of(frame.id);
  const bool is_command = function == frames::Function::kCommand || function == frames::Function::kService;
  if (!frame.extended && is_command && frame.length <= frame.data.size()) {
    on_command(now, frame);
  } else {
    bus_.on_frame(now, frame);
  }
}

void Pack::on_command(Micros now, const CanFrame& frame) {
  const auto target = node_of(frame.id);
  const bool to_all = target == kAllNodes;
  if (frame.length < 2 || (!to_all && (target == 0 || target != node()))) return;
  host_.on_command(now);
  if (node() == 0 && !is_for_the_nameless(frame.data[0])) return;
  const auto outcome = commands_.execute(now, frame.payload(), to_all);
  if (outcome.response) bus_.post(now, *outcome.response);
  if (outcome.setting_accepted) settings_.on_setting_accepted(now);
  obey(now, outcome.request);
  control_relays(now);  // what was accepted counts for the command that follows at once
}

void Pack::obey(Micros now, Commands::Request request) {
  switch (request) {
    case Commands::Request::kNone:
      return;
    case Commands::Request::kAnswerWho:
      bus_.answer_who(now);
      repeat_faults_at_ = now + kFaultsAfterWho;
      return;
    case Commands::Request::kRestart:
      restart_at_ = now + kRestartDelay;
      return;
    case Commands::Request::kFactoryReset:
      reset_to_factory(now);
      return;
  }
}

void Pack::obey_button(Micros now) {
  if (button_.take_factory_reset(now)) {
    reset_to_factory(now);
    indicators_.identify(now, kResetShownS);
  }
  if (button_.take_limit_off()) {
    modes_.modes = static_cast<std::uint8_t>(modes_.modes & ~bit(frames::Mode::kImportLimit));
    settings_.on_setting_accepted(now);
    indicators_.identify(now, kLimitOffShownS);
  }
}

void Pack::reset_to_factory(Micros now) {
  parameters_.reset();
  modes_ = {};
  relays_.forget_held();
  settings_.on_setting_accepted(now);
}

void Pack::keep_settings(Micros now) {
  if (bus_.claim().is_settled(now)) settings_.set_node_number(now, node());
  if (is_pack()) settings_.set_held(now, relays_.held());
  settings_.tick(now);
}

void Pack::keep_counts(Micros now) {
  // Before anything is sent: after a restart no counter is below what the bus has heard of it.
  if (is_pack()) count_memory_.keep({count_id_, sensing_.counts(), relays_.carried_import(now)});
}

void Pack::keep_grid_losses(Micros now) {
  if (!is_pack()) return;
  grid_losses_.tick(now, readings().grid, clock_);
  grid_losses_.write_due(now);
}

void Pack::restart_if_due(Micros now) {
  if (!restart_at_ || now < *restart_at_) return;
  restart_at_.reset();
  settings_.flush(now);
  grid_losses_.flush();
  system_.restart();
}

void Pack::watch_faults(Micros now) {
  using frames::FaultCode;
  faults_.set(now, FaultCode::kBmsLost, is_bms_lost(now));
  for (std::uint8_t channel = 0; channel < kCurrentChannels; ++channel) {
    faults_.set(now, FaultCode::kSensorClipped, readings().clipped[channel], channel);
    faults_.set(now, FaultCode::kOpenRelayCurrent, sensing_.open_relay_current(channel), channel);
  }
  faults_.set(now, FaultCode::kGridSenseImplausible, sensing_.grid_sense_implausible());
  faults_.set(now, FaultCode::kNoNodeNumberFree, bus_.claim().is_none_free());
  faults_.set(now, FaultCode::kNodeNumberConflict, bus_.claim().in_conflict(now));
  faults_.set(now, FaultCode::kStorageFailed, has_storage_failed());
  faults_.set(now, FaultCode::kSettingsReset, settings_.were_reset());
  faults_.set(now, FaultCode::kBusOff, bus_.is_bus_off());
  const bool is_fresh = now - started_at_ < kRestartFault;
  faults_.set(now, FaultCode::kWatchdogRestart, is_fresh && last_restart_.cause == RestartCause::kWatchdog);
  faults_.set(now, FaultCode::kBrownOut, is_fresh && last_restart_.cause == RestartCause::kBrownOut);
}

void Pack::send(Micros now, const frames::Status& status) {
  if (node() != scheduled_node_) {
    scheduled_node_ = node();
    if (node() != 0) {
      schedule_.start(now, node());
      faults_.repeat_all();
    }
  }
  if (node() == 0) return;
  if (repeat_faults_at_ && now >= *repeat_faults_at_) {
    repeat_faults_at_.reset();
    faults_.repeat();
  }
  if (const auto fault = faults_.take_change()) bus_.post(now, *fault);
  if (schedule_.take_set(now)) {
    send_set(now, status);
  }
  if (!is_pack()) return;
  if (status_trigger_.take_due(now, status)) {
    status_trigger_.on_sent(status);
    bus_.post(now, status);
  }
  if (const auto counter = schedule_.take_energy(now)) {
    bus_.post(now, telemetry::energy(readings(), *counter, {.count_id = count_id_, .boot_id = boot_id()}));
  }
  if (const auto loss = grid_losses_.take_due(now)) bus_.post(now, *loss);
  for (std::size_t channel = 0; channel < kPulseChannels; ++channel) {
    if (schedule_.take_pulse(now, channel, readings().pulses[channel].count)) {
      bus_.post(now, telemetry::pulse(readings(), channel, boot_id()));
    }
  }
}

void Pack::send_set(Micros now, const frames::Status& status) {
  if (is_pack()) {
    bus_.post(now, telemetry::battery(readings()));
    bus_.post(now, telemetry::power(readings()));
    bus_.post(now, telemetry::loads(readings()));
    bus_.post(now, status);
    bus_.post(now, telemetry::currents(readings()));
    status_trigger_.on_sent(status);
  }
  if (is_master()) {
    const telemetry::FleetMember self{.node = node(), .device_type = identity_.device_type};
    bus_.post(now, telemetry::fleet(now, readings(), self, bus_.presence()));
  }
}

void Pack::show(Micros now, const frames::Status& status) {
  const auto& battery = readings().battery;
  indicators_.tick(now, {.soc_pct = battery.soc_pct,
                         .is_charging = telemetry::battery(readings()).state == frames::BatteryState::kCharging,
                         .is_host_seen = host_.is_seen(now),
                         .has_warning = status.warnings != 0,
                         .has_fault = faults_.any(),
                         .is_grid_absent = status.grid == frames::GridState::kAbsent,
                         .brightness_pct = static_cast<std::uint8_t>(parameters_.get(Parameter::kLedBrightness))});
}

bool Pack::is_bms_lost(Micros now) const {
  return is_pack() && !readings().battery.online && now - started_at_ >= kBmsLostAfterStart;
}

bool Pack::is_clock_unknown(Micros now) const {
  return !clock_.is_valid() && now - started_at_ >= Clock::kUnknownAfter;
}

frames::Status Pack::status(Micros now) {
  using frames::Relay;
  const auto warnings = warnings_.update({.soc_pct = readings().battery.soc_pct,
                                          .bms_lost = is_bms_lost(now),
                                          .clock_unknown = is_clock_unknown(now),
                                          .host_lost = host_.is_lost(now),
                                          .sensor_fault = faults_.any_of_sensors(),
                                          .settings_reset = settings_.were_reset(),
                                          .node_conflict = bus_.claim().in_conflict(now),
                                          .storage_failed = has_storage_failed(),
                                          .loads_limit = relays_.is_loads_limit(),
                                          .import_exhausted = relays_.is_import_exhausted(),
                                          .import_above_80 = relays_.is_import_above(kFirstImportWarningPct),
                                          .import_above_90 = relays_.is_import_above(kSecondImportWarningPct)});
  return {.relays = relays_.closed(),
          .grid = readings().grid,
          .reason_grid = relays_.reason(Relay::kGrid),
          .reason_inverter = relays_.reason(Relay::kInverter),
          .reason_load1 = relays_.reason(Relay::kLoad1),
          .reason_load2 = relays_.reason(Relay::kLoad2),
          .modes = modes_.modes,
          .warnings = warnings,
          .grid_import_today_kwh = relays_.import_today_kwh()};
}

std::uint8_t Pack::announce_flags(Micros now) const {
  using frames::AnnounceFlag;
  unsigned flags = 0;
  if (clock_.is_valid()) flags |= bit(AnnounceFlag::kClockValid);
  if (host_.is_seen(now)) flags |= bit(AnnounceFlag::kHostSeen);
  if (readings().battery.online) flags |= bit(AnnounceFlag::kBmsOnline);
  return static_cast<std::uint8_t>(flags);
}

void Pack::on_can_transmitted(Micros now, bool sent) { bus_.on_transmitted(now, sent); }
void Pack::on_can_bus_off(Micros now) { bus_.on_bus_off(now); }
void Pack::on_can_recovered(Micros now) { bus_.on_recovered(now); }
void Pack::on_bms_bytes(Micros now, std::span<const std::uint8_t> bytes) { sensing_.on_bms_bytes(now, bytes); }
void Pack::on_samples(Micros now, const SampleBlock& block) { sensing_.on_samples(now, block); }
void Pack::on_grid_pulse(Micros at) { sensing_.on_grid_pulse(at); }
void Pack::on_s0_edge(Micros at, std::size_t channel, bool on) { sensing_.on_s0_edge(at, channel, on); }
void Pack::on_button(Micros at, bool pressed) { button_.on_edge(at, pressed); }

std::uint8_t Pack::node() const { return bus_.node(); }
bool Pack::is_master() const { return bus_.is_master(); }
std::uint16_t Pack::boot_id() const { return bus_.boot_id(); }
const Readings& Pack::readings() const { return sensing_.readings(); }

}  // namespace alfaspark
