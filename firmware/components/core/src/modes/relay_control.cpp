#include "alfaspark/modes/relay_control.hpp"

#include <array>
#include <utility>

#include "alfaspark/modes/priority.hpp"
#include "alfaspark/modes/windows.hpp"

namespace alfaspark {

using frames::Mode;
using frames::Relay;

namespace {

constexpr std::array<Relay, RelayControl::kCount> kRelays{Relay::kGrid, Relay::kInverter, Relay::kLoad1, Relay::kLoad2};

constexpr std::uint8_t with(std::uint8_t bits, std::uint8_t mask, bool on) {
  return static_cast<std::uint8_t>(on ? bits | mask : bits & ~mask);
}

}  // namespace

RelayControl::RelayControl(RelayPort& port, const Parameters& parameters, const ModeSettings& settings)
    : parameters_(parameters),
      settings_(settings),
      switching_(port, parameters),
      eco_(parameters),
      import_(parameters) {}

void RelayControl::start(Micros now, const HeldState& stored, const std::optional<CarriedImport>& carried,
                         double grid_wh) {
  manual_ = stored.manual.value_or(ManualRelays{.closed = kFactoryDefault});
  manual_.closed = static_cast<std::uint8_t>(manual_.closed & kFactoryDefault);
  const auto reset = std::exchange(manual_.reset, std::uint8_t{0});
  auto positions = stored.positions.value_or(RelayPositions{.closed = manual_.closed});
  import_.start(now, {.latch = stored.latch, .carried = carried, .grid_wh = grid_wh},
                settings_.is_on(Mode::kImportLimit));
  const bool are_kept = switching_.are_positions_kept();
  if (are_kept) take_kept_positions(positions, reset);
  for (const Relay relay : kRelays) {
    const bool is_reset = (reset & bit(relay)) != 0;
    const auto wanted = is_reset ? manual_.closed : positions.closed;
    if (is_reset || !are_kept) switching_.place(relay, (wanted & bit(relay)) != 0);
  }
  situation_.self_consumption_closed = positions.self_consumption_closed;
  situation_.held = kFactoryDefault;
  eco_.start(now, static_cast<std::uint8_t>(positions.eco_shed & ~positions.closed & ~reset));
}

void RelayControl::take_kept_positions(RelayPositions& positions, std::uint8_t reset) {
  const auto now_closed = switching_.closed();
  const auto moved = static_cast<std::uint8_t>((now_closed ^ positions.closed) & ~reset);
  positions.closed = now_closed;
  for (const Relay relay : kRelays) {
    if ((moved & bit(relay)) == 0) continue;
    const bool is_closed = (now_closed & bit(relay)) != 0;
    switch (mover_of(relay, is_closed)) {
      case Mover::kSelfConsumption:
        positions.self_consumption_closed = is_closed;
        break;
      case Mover::kEco:
        positions.eco_shed = with(positions.eco_shed, bit(relay), true);
        break;
      case Mover::kHand:
        manual_.closed = with(manual_.closed, bit(relay), is_closed);
        break;
      case Mover::kSettings:
        break;
    }
  }
}

RelayControl::Mover RelayControl::mover_of(Relay relay, bool to_closed) const {
  if (relay == Relay::kGrid) {
    if (import_.is_exhausted() || settings_.is_on(Mode::kBackup)) return Mover::kSettings;
    return settings_.is_on(Mode::kSelfConsumption) ? Mover::kSelfConsumption : Mover::kHand;
  }
  const bool is_inverter = relay == Relay::kInverter;
  const bool may_shed = !is_inverter || parameters_.get(Parameter::kEcoShedInverter) != 0;
  if (settings_.is_on(Mode::kEco) && may_shed && !to_closed) return Mover::kEco;
  const bool has_windows_now = settings_.is_on(Mode::kTimeOfUse) && has_windows(settings_);
  return is_inverter && has_windows_now ? Mover::kSettings : Mover::kHand;
}

void RelayControl::tick(Micros now, const Inputs& inputs) {
  update_situation(now, inputs);
  for (const Relay relay : kRelays) {
    const auto owner = mode_wish(situation_, relay);
    if (owner && owner->closed) end_reset(relay);
    switching_.follow(now, relay, owner ? *owner : manual_wish(situation_, relay));
  }
}

void RelayControl::update_situation(Micros now, const Inputs& inputs) {
  constexpr float kPctPerCount = 0.1F;
  const auto& powers = inputs.readings.powers;
  const auto grid = static_cast<std::size_t>(frames::EnergyCounter::kGrid);
  is_grid_measured_ = is_grid_measured_ || powers.grid_w;
  import_.update(now, {.grid_wh = inputs.readings.energies_wh[grid],
                       .local_s = inputs.local_s,
                       .is_on = settings_.is_on(Mode::kImportLimit)});
  eco_.update(now, {.is_on = settings_.is_on(Mode::kEco),
                    .home_w = powers.home_w,
                    .powers_w = {powers.grid_w, powers.inverter_w, powers.load1_w, powers.load2_w},
                    .closed = switching_.closed()});

  auto& situation = situation_;
  situation.modes = settings_.modes;
  situation.is_import_exhausted = import_.is_exhausted();
  situation.soc_pct = inputs.readings.battery.soc_pct;
  situation.bms_lost = inputs.bms_lost;
  situation.soc_connect_pct = static_cast<float>(parameters_.get(Parameter::kSocGridConnect)) * kPctPerCount;
  situation.soc_disconnect_pct = static_cast<float>(parameters_.get(Parameter::kSocGridDisconnect)) * kPctPerCount;
  situation.has_window = has_windows(settings_);
  situation.is_inside_window.reset();
  if (inputs.local_s) situation.is_inside_window = is_inside_windows(settings_, *inputs.local_s);
  situation.clock_unknown = inputs.clock_unknown;
  situation.eco_shed = eco_.shed();
  situation.eco_restored = eco_.restored();
  situation.manual_closed = manual_.closed;
  if (is_starting_ && (inputs.readings.battery.online || inputs.bms_lost)) {
    is_starting_ = false;
    situation.held = 0;
  }
  // Whoever else owns the relay, the decision goes on, and is there when it counts.
  const auto wish = rules::self_consumption(situation, Relay::kGrid);
  if (!wish) situation.self_consumption_closed.reset();
  if (wish && wish->closed) situation.self_consumption_closed = wish->closed;
}

RelayControl::Verdict RelayControl::set_manual(Micros now, Relay relay, bool closed) {
  const bool is_load = relay == Relay::kLoad1 || relay == Relay::kLoad2;
  const auto owner = mode_wish(situation_, relay);
  if (owner && (closed || !is_load)) return {frames::Result::kRefused, owner->reason};
  if (!owner && !switching_.move_by_hand(now, relay, closed)) {
    return {frames::Result::kBusy, frames::Reason::kMinimumTime};
  }
  manual_.closed = with(manual_.closed, bit(relay), closed);
  situation_.manual_closed = manual_.closed;
  situation_.held = with(situation_.held, bit(relay), false);
  end_reset(relay);
  eco_.on_hand(relay);
  return {};
}

void RelayControl::end_reset(Relay relay) {
  if ((manual_.reset & bit(relay)) == 0) return;
  manual_.reset = with(manual_.reset, bit(relay), false);
  situation_.held = with(situation_.held, bit(relay), false);
}

void RelayControl::forget_held() {
  manual_ = {.closed = kFactoryDefault, .reset = kFactoryDefault};
  is_starting_ = false;
  situation_.held = kFactoryDefault;
  eco_.forget();
  import_.forget();
}

HeldState RelayControl::held() const {
  return {.manual = manual_,
          .positions = RelayPositions{.closed = switching_.closed(),
                                      .eco_shed = eco_.shed(),
                                      .self_consumption_closed = situation_.self_consumption_closed},
          .latch = import_.latch()};
}

std::optional<float> RelayControl::import_today_kwh() const {
  constexpr double kWhPerKwh = 1000.0;
  if (!is_grid_measured_) return std::nullopt;
  return static_cast<float>(import_.import_wh() / kWhPerKwh);
}

}  // namespace alfaspark
