// R3 over random histories: whatever the sun, the owner, the clock and the supply do, these hold.
#include <array>
#include <random>
#include <utility>

#include "alfaspark/modes/priority.hpp"
#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

constexpr std::array<Relay, 4> kRelays{Relay::kGrid, Relay::kInverter, Relay::kLoad1, Relay::kLoad2};
constexpr std::array<Mode, 5> kModes{Mode::kSelfConsumption, Mode::kEco, Mode::kTimeOfUse, Mode::kBackup,
                                     Mode::kImportLimit};

/// Where a relay may be that gives this reason; nullopt: either.
std::optional<bool> position_of(Reason reason) {
  switch (reason) {
    case Reason::kSelfConsumptionLowSoc:
    case Reason::kBackup:
    case Reason::kEcoRestored:
    case Reason::kInsideWindow:
    case Reason::kBmsLost:
    case Reason::kClockUnknown:
      return true;
    case Reason::kSelfConsumptionCharged:
    case Reason::kImportLimitExhausted:
    case Reason::kEcoShed:
    case Reason::kOutsideWindow:
      return false;
    default:
      return std::nullopt;
  }
}

class History {
 public:
  explicit History(unsigned seed) : dice_(seed) {
    bench_.board.is_software_restart = true;
    REQUIRE(bench_.parameters.set(Parameter::kImportLimit, 200));
    REQUIRE(bench_.parameters.set(Parameter::kEcoShedInverter, chance(2) ? 1 : 0));
    bench_.tick();
    before_ = bench_.control->closed();
  }

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      something_happens();
      let_time_pass();
    }
  }

 private:
  bool chance(int one_in) { return dice_() % static_cast<unsigned>(one_in) == 0; }
  int upto(int most) { return static_cast<int>(dice_() % static_cast<unsigned>(most + 1)); }

  void something_happens() {
    switch (upto(16)) {
      case 0:
        return bench_.set(kModes[dice_() % kModes.size()], chance(2));
      case 1:
        return command();
      case 2:
        if (chance(2)) command();
        return restart(false);
      case 3:
        if (chance(4)) restart(true);
        return;
      case 4:
        return set_window();
      case 5:
        if (chance(3)) bench_.set_clock(local(kMonday + upto(3), upto(23), upto(59)));
        return;
      case 6:
        if (chance(10)) bench_.control->reset_import(bench_.now);
        return;
      case 7:
        battery_falls_silent();
        return;
      default:
        weather();
    }
  }

  void command() {
    const auto relay = kRelays[dice_() % kRelays.size()];
    const bool closed = chance(2);
    const bool was_closed = bench_.is_closed(relay);
    const auto verdict = bench_.control->set_manual(bench_.now, relay, closed);
    const bool is_load = relay == Relay::kLoad1 || relay == Relay::kLoad2;
    if (is_load && !closed) CHECK(verdict.result != Result::kRefused);
    if (verdict.result == Result::kRefused) CHECK(verdict.reason != Reason::kManual);
    if (verdict.result != Result::kAccepted) CHECK(bench_.is_closed(relay) == was_closed);
    if (bench_.is_closed(relay) != was_closed) moved_at_[index(relay)] = bench_.now;
    before_ = bench_.control->closed();
  }

  /// Nothing moves because of it: neither at once nor when the same inputs are there again.
  void restart(bool is_power_cut) {
    auto held = bench_.control->held();
    if (!is_power_cut && flash_ && chance(2)) {
      held.manual = flash_->manual;  // the latch is written at once
      held.positions = flash_->positions;
    }
    const auto positions = bench_.control->closed();
    const auto decided = where_nothing_waits();
    const bool is_carrying = !is_power_cut && chance(2);
    const auto import_kwh = bench_.control->import_today_kwh();
    if (is_carrying) {
      bench_.restart_carrying(held);
    } else {
      is_power_cut ? bench_.cut_power(held) : bench_.restart(held);
    }
    CHECK(bench_.control->closed() == positions);
    const auto soc_pct = std::exchange(bench_.soc_pct, std::nullopt);
    const auto home_w = std::exchange(bench_.home_w, std::nullopt);
    const auto clock = std::exchange(bench_.local_s, std::nullopt);
    const auto lost = std::exchange(bench_.bms_lost, false);
    bench_.tick();
    // A limit that was exhausted holds from the first moment; whatever else waits for its inputs.
    CHECK((bench_.control->closed() & ~bit(Relay::kGrid)) == (positions & ~bit(Relay::kGrid)));
    bench_.soc_pct = soc_pct;
    bench_.home_w = home_w;
    bench_.local_s = clock;
    bench_.bms_lost = lost;
    bench_.tick();
    if (is_carrying && import_kwh) CHECK(*bench_.control->import_today_kwh() == Approx(*import_kwh).margin(1e-6));
    for (const Relay relay : kRelays) {
      const bool is_limit = is_because_of_a_limit(bench_.reason(relay));
      INFO("relay " << index(relay) << ", reason " << static_cast<int>(bench_.reason(relay)));
      if ((decided & bit(relay)) != 0 && !is_limit) CHECK(bench_.is_closed(relay) == ((positions & bit(relay)) != 0));
    }
    flash_ = changed_ = bench_.control->held();
    moved_itself_at_ = {};
    moved_at_ = {};
    before_ = bench_.control->closed();
  }

  /// Relays that are where they are wished, and will be on the same day.
  std::uint8_t where_nothing_waits() {
    std::uint8_t relays = 0;
    for (const Relay relay : kRelays) {
      const auto reason = bench_.reason(relay);
      if (reason != Reason::kMinimumTime && reason != Reason::kImportLimitExhausted) relays |= bit(relay);
    }
    return relays;
  }

  /// What was decided is on flash 2 s after the last change.
  void write_flash() {
    const auto held = bench_.control->held();
    if (held != changed_) {
      changed_ = held;
      changed_at_ = bench_.now;
    }
    if (bench_.now - changed_at_ >= 2 * kSecond) flash_ = changed_;
  }

  void set_window() {
    auto& window = bench_.settings.windows[dice_() % kWindows];
    if (chance(3)) {
      window.reset();
      return;
    }
    window = Window{static_cast<std::uint16_t>(upto(1439)), static_cast<std::uint16_t>(1 + upto(1439)),
                    static_cast<std::uint8_t>(1 + upto(126))};
    if (window->start_min == window->end_min) window.reset();
  }

  void battery_falls_silent() {
    bench_.bms_lost = !bench_.bms_lost;
    bench_.soc_pct = bench_.bms_lost ? std::nullopt : std::optional(static_cast<float>(upto(100)));
  }

  void weather() {
    if (bench_.soc_pct) bench_.soc_pct = static_cast<float>(upto(100));
    bench_.grid_w = static_cast<float>(upto(3000));
    bench_.home_w = chance(20) ? std::nullopt : std::optional(static_cast<float>(upto(6000)));
    bench_.load1_w = static_cast<float>(upto(900));
    bench_.load2_w = static_cast<float>(upto(2000));
  }

  void let_time_pass() {
    const int ticks = 1 + upto(40);
    for (int i = 0; i < ticks; ++i) {
      const Micros step = (1 + upto(20)) * 500 * kMillisecond;
      bench_.now += step;
      const auto drawn_wh = bench_.is_closed(Relay::kGrid) ? *bench_.grid_w * static_cast<double>(step) / 3.6e9 : 0.0;
      const auto import_kwh = bench_.control->import_today_kwh();
      bench_.add_grid_wh(drawn_wh);
      bench_.tick();
      // Less than before only by a reset, from which on nothing was drawn yet.
      const bool is_less = import_kwh && bench_.control->import_today_kwh() < import_kwh;
      if (is_less) CHECK(bench_.control->import_today_kwh() == 0.0F);
      write_flash();
      judge();
    }
  }

  void judge() {
    const auto now_closed = bench_.control->closed();
    if (bench_.control->is_import_exhausted()) CHECK_FALSE(bench_.is_closed(Relay::kGrid));
    for (const Relay relay : kRelays) {
      const auto reason = bench_.reason(relay);
      const auto position = position_of(reason);
      if (position) CHECK(bench_.is_closed(relay) == *position);
      if (((now_closed ^ before_) & bit(relay)) != 0) judge_movement(relay, reason);
    }
    const bool grid_opened = ((before_ & ~now_closed) & bit(Relay::kGrid)) != 0;
    if (grid_opened && !bench_.soc_pct) CHECK(bench_.reason(Relay::kGrid) != Reason::kSelfConsumptionCharged);
    before_ = now_closed;
  }

  void judge_movement(Relay relay, Reason reason) {
    const bool is_limit = is_because_of_a_limit(reason);
    auto& itself = moved_itself_at_[index(relay)];
    auto& at_all = moved_at_[index(relay)];
    CHECK(reason != Reason::kMinimumTime);
    CHECK(reason != Reason::kStartUp);
    if (!is_limit && itself) CHECK(bench_.now - *itself >= kMinute);
    if (!is_limit && at_all) CHECK(bench_.now - *at_all >= 2 * kSecond);
    itself = bench_.now;
    at_all = bench_.now;
  }

  static bool is_because_of_a_limit(Reason reason) {
    return reason == Reason::kImportLimitExhausted || reason == Reason::kEcoShed;
  }
  static std::size_t index(Relay relay) { return static_cast<std::size_t>(relay); }

  std::mt19937 dice_;
  Bench bench_;
  std::uint8_t before_ = 0;
  std::optional<HeldState> flash_;
  HeldState changed_;
  Micros changed_at_ = 0;
  std::array<std::optional<Micros>, 4> moved_itself_at_{};
  std::array<std::optional<Micros>, 4> moved_at_{};
};

}  // namespace

TEST_CASE("R3: what holds over every history") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    History(seed).live(400);
  }
}

}  // namespace alfaspark::modes_test
