#include "simulator/pack/simulated_pack.hpp"

#include <algorithm>
#include <cmath>

#include "alfaspark/settings/settings.hpp"

namespace alfaspark::sim {
namespace {

enum Purpose : std::uint64_t {
  kHouse = 0xAC01,
  kCts = 0xAC02,
  kBms = 0xAC03,
  kChip = 0xAC04,
  kStepOffset = 0xAC05,
  kMemory = 0xAC06
};

/// 50 A and 20 A CTs: 12 bits reach 57 A and 23 A RMS, and the noise stays below the default noise floor.
constexpr std::array<float, kCurrentChannels> kAmperesPerCount = {0.04F, 0.04F, 0.016F, 0.016F};
/// The ADC is stopped, set up anew and started.
constexpr Micros kAdcRestartTime = 60 * kMillisecond;
/// S0 meters close their contact for 30 ms at least (IEC 62053-31).
constexpr Micros kPulseOn = 40 * kMillisecond;

Hardware board() {
  Hardware hardware;
  hardware.amperes_per_count = kAmperesPerCount;
  return hardware;
}

void preload_number(Flash& flash, std::uint8_t number) {
  Parameters parameters;
  ModeSettings modes;
  Settings settings(flash, parameters, modes);
  settings.load();
  settings.set_node_number(0, number);
  settings.flush(0);
  flash.forget_writes();
}

}  // namespace

SimulatedPack::SimulatedPack(Site& site, const PackOptions& options)
    : site_(site),
      identity_(options.identity),
      hardware_(board()),
      house_(site.sky, Random::derived(site.seed, kHouse, options.index).next(),
             options.identity.device_type == frames::DeviceType::kEnergyPack),
      relays_([this] { house_.settle(site_.timeline.now()); }, [this] { update_house(); }),
      flash_(options.storage),
      can_(site.bus, *this),
      chip_(Random::derived(site.hardware_seed, kChip, options.index), [this] { restart_soon(); }),
      retained_(Random::derived(site.hardware_seed, kMemory, options.index)),
      simulated_bms_(options.external_bms != nullptr
                         ? nullptr
                         : std::make_unique<SimulatedBms>(site.timeline,
                                                          Random::derived(site.hardware_seed, kBms, options.index),
                                                          [this] { return bms_reading(); })),
      bms_(options.external_bms != nullptr ? *options.external_bms : *simulated_bms_),
      bms_line_(options.external_bms != nullptr ? *options.external_bms : *simulated_bms_),
      step_offset_(static_cast<Micros>(Random::derived(site.seed, kStepOffset, options.index).next() %
                                       static_cast<std::uint64_t>(kStep))) {
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    transformers_.emplace_back(WaveShape::of_channel(channel), static_cast<double>(kAmperesPerCount[channel]),
                               Random::derived(site.seed, kCts, options.index * kCurrentChannels + channel));
  }
  if (options.stored_number) preload_number(flash_, *options.stored_number);
  if (simulated_bms_ && options.identity.device_type != frames::DeviceType::kEnergyPack) {
    simulated_bms_->set_behaviour(BmsBehaviour::kSilent);  // a gateway has none
  }
  bms_line_.set_receiver([this](std::span<const std::uint8_t> bytes) {
    if (firmware_) firmware_->on_bms_bytes(uptime(), bytes);
  });
}

SimulatedPack::~SimulatedPack() {
  bms_line_.set_receiver(nullptr);
  if (firmware_) site_.bus.detach(can_);
}

void SimulatedPack::start() {
  started_ = true;
  refresh_house();
  if (has_supply_) boot(RestartCause::kPowerOn);
  // Packs do not tick in step with each other.
  site_.timeline.after(step_offset_, [this] { step(); });
}

void SimulatedPack::boot(RestartCause cause) {
  chip_.set_restart_cause(cause);
  ++boots_;
  booted_at_ = site_.timeline.now();
  ++button_press_;
  site_.bus.attach(can_, segment_);
  firmware_ = std::make_unique<Pack>(identity_, hardware_,
                                     Ports{.can = can_,
                                           .bms = bms_,
                                           .relays = relays_,
                                           .storage = flash_,
                                           .indicators = indicators_,
                                           .system = chip_,
                                           .retained = retained_});
  firmware_->start(uptime());
}

void SimulatedPack::set_supply(bool on) {
  if (on == has_supply_) return;
  has_supply_ = on;
  if (!started_) return;
  if (on) {
    boot(RestartCause::kPowerOn);
    return;
  }
  site_.bus.detach(can_);
  firmware_.reset();
  relays_.cut_supply();
  retained_.lose();
  indicators_.go_dark();
}

void SimulatedPack::restart_firmware(RestartCause cause) {
  if (!firmware_) return;
  site_.bus.detach(can_);
  firmware_.reset();
  if (cause == RestartCause::kBrownOut) {
    relays_.cut_supply();
    retained_.lose();
  } else {
    relays_.keep();
  }
  boot(cause);
}

void SimulatedPack::restart_soon() {
  // Not at once: the firmware that asked for it is still running.
  site_.timeline.after(kMillisecond, [this, boot = boots_] {
    if (boot == boots_) restart_firmware(RestartCause::kSoftware);
  });
}

void SimulatedPack::hold_button(Micros duration) {
  if (!firmware_) return;
  firmware_->on_button(uptime(), true);
  site_.timeline.after(duration, [this, press = ++button_press_] {
    if (firmware_ && press == button_press_) firmware_->on_button(uptime(), false);
  });
}

void SimulatedPack::send_pulses(std::size_t channel, const PulseTrain& train) {
  PulseOutput& output = pulse_outputs_.at(channel);
  output.rest = train;
  send_next_pulse(channel, ++output.train);
}

void SimulatedPack::send_next_pulse(std::size_t channel, std::uint64_t train) {
  PulseOutput& output = pulse_outputs_[channel];
  if (train != output.train || output.rest.count == 0) return;
  --output.rest.count;
  if (firmware_) firmware_->on_s0_edge(uptime(), channel, true);
  site_.timeline.after(std::min(kPulseOn, output.rest.interval / 2), [this, channel] {
    if (firmware_) firmware_->on_s0_edge(uptime(), channel, false);
  });
  site_.timeline.after(output.rest.interval, [this, channel, train] { send_next_pulse(channel, train); });
}

void SimulatedPack::set_ct_fault(std::size_t channel, CtFault fault) {
  transformers_.at(channel).set_state(fault == CtFault::kClip   ? CtState::kClip
                                      : fault == CtFault::kOpen ? CtState::kOpen
                                                                : CtState::kOk);
  relays_.weld(channel, fault == CtFault::kStuckRelay);
}

void SimulatedPack::set_segment(std::size_t segment) {
  segment_ = segment;
  site_.bus.move(can_, segment);
}

void SimulatedPack::change_house(const std::function<void(House&)>& change) {
  house_.settle(site_.timeline.now());
  change(house_);
  update_house();
}

void SimulatedPack::update_house() {
  house_.update(site_.local_time().local_s(), relays_.contacts(), site_.grid_alive);
  update_inverter_phase();
}

/// The inverter follows the grid while it is joined to it, and runs on from there by itself at the nominal frequency.
void SimulatedPack::update_inverter_phase() {
  const bool joined = relays_.contacts()[0] && site_.grid_alive;
  if (joined_to_grid_ && !joined) {
    inverter_.align(site_.timeline.now(), site_.grid);
    inverter_.set_frequency(site_.timeline.now(), Mains::kNominalHz);
  }
  joined_to_grid_ = joined;
}

void SimulatedPack::on_grid_pulse() {
  if (firmware_) firmware_->on_grid_pulse(uptime());
}

void SimulatedPack::step() {
  site_.timeline.after(kStep, [this] { step(); });
  house_.settle(site_.timeline.now());
  if (firmware_) deliver_samples();
  update_house();
  if (firmware_) firmware_->tick(uptime());
}

void SimulatedPack::deliver_samples() {
  const Micros now = site_.timeline.now();
  if (sample_rate_hz_ != site_.sample_rate_hz) {
    if (sample_rate_hz_ != 0.0) sampling_from_ = now + kAdcRestartTime;
    sample_rate_hz_ = site_.sample_rate_hz;
  }
  if (now < sampling_from_) return;

  constexpr double kStepS = static_cast<double>(kStep) / 1e6;
  constexpr auto kMostSamples = static_cast<std::size_t>(Site::kFineRateHz * kStepS);
  const auto count = static_cast<std::size_t>(std::lround(sample_rate_hz_ * kStepS));
  std::array<std::array<std::uint16_t, kMostSamples>, kCurrentChannels> counts{};
  SampleBlock block;
  block.sample_rate_hz = static_cast<float>(sample_rate_hz_);
  const auto currents_a = house_.currents_a();
  for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
    const Mains& mains = channel == 0 || joined_to_grid_ ? site_.grid : inverter_;
    const double first = mains.phase(now - kStep) + mains.frequency_hz() / sample_rate_hz_;
    const auto samples = std::span(counts[channel]).first(count);
    transformers_[channel].sample(currents_a[channel], PhaseRun::of(first, mains.frequency_hz(), sample_rate_hz_),
                                  samples);
    block.channels[channel] = samples;
  }
  firmware_->on_samples(uptime(), block);
}

BmsReading SimulatedPack::bms_reading() const {
  const Battery& battery = house_.battery();
  return {.voltage_v = fixed_battery_v_.value_or(battery.voltage_v()),
          .current_a = fixed_battery_a_.value_or(battery.current_a(house_.flows().battery_w))};
}

void SimulatedPack::on_can_frame(const CanFrame& frame) {
  if (firmware_) firmware_->on_can_frame(uptime(), frame);
}

void SimulatedPack::on_can_transmitted(bool sent) {
  if (firmware_) firmware_->on_can_transmitted(uptime(), sent);
}

void SimulatedPack::on_can_bus_off() {
  if (firmware_) firmware_->on_can_bus_off(uptime());
}

void SimulatedPack::on_can_recovered() {
  if (firmware_) firmware_->on_can_recovered(uptime());
}

}  // namespace alfaspark::sim
