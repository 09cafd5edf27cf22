// Who owns each relay, where it is, and why: the modes of requirements R3 over the hand, with their minimum times.
//
// Depends on neither the bus nor a host. Not thread-safe; allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/modes/eco.hpp"
#include "alfaspark/modes/held_state.hpp"
#include "alfaspark/modes/import_limit.hpp"
#include "alfaspark/modes/relay_switching.hpp"
#include "alfaspark/modes/situation.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/readings.hpp"
#include "alfaspark/settings/mode_settings.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class RelayControl {
 public:
  static constexpr std::size_t kCount = kCurrentChannels;
  /// Bits of frames::Relay, 1 = closed: power reaches the house until somebody decides otherwise.
  static constexpr std::uint8_t kFactoryDefault = 0x0F;

  struct Inputs {
    const Readings& readings;
    bool bms_lost = false;                ///< 10 s silent, or never heard 10 s after the start
    std::optional<std::int64_t> local_s;  ///< local time in seconds since 1970; nullopt until the clock is set
    bool clock_unknown = false;           ///< not set 150 s after the start
  };

  struct Verdict {
    frames::Result result = frames::Result::kAccepted;
    frames::Reason reason = frames::Reason::kStartUp;  ///< for refused and busy
  };

  /// Keeps references; settings and parameters count as soon as they change.
  RelayControl(RelayPort& port, const Parameters& parameters, const ModeSettings& settings);

  /// Once, with everything that was stored. Nothing moves over a software restart; after a power cut the relays go to
  /// where they were. `carried`: what such a restart handed on; `grid_wh`: the counter of the grid.
  void start(Micros now, const HeldState& stored, const std::optional<CarriedImport>& carried = std::nullopt,
             double grid_wh = 0.0);
  /// Every 5 ms or more often, after sensing.
  void tick(Micros now, const Inputs& inputs);

  /// By hand. Refused with the reason when a mode owns the relay, busy within the minimum time. A load may always be
  /// opened: eco gives it back to an open position.
  Verdict set_manual(Micros now, frames::Relay relay, bool closed);
  /// Factory reset: what was held is forgotten, positions stay until the next start or command.
  void forget_held();
  /// A mode was set on all packs at once: what closes because of it waits until `until`.
  void delay_closings(Micros until) { switching_.delay_closings(until); }

  /// `before_boot_10wh` x0.01 kWh were drawn on `import_day` before this start. Out of range for another day than
  /// today or where the count was reset since the start, busy without a clock.
  frames::Result restore_import(std::uint16_t before_boot_10wh, std::uint16_t import_day) {
    return import_.restore(before_boot_10wh, import_day);
  }
  /// As at the daily reset.
  void reset_import(Micros now) { import_.reset(now); }

  /// Bits, 1 = closed: where the relays are.
  [[nodiscard]] std::uint8_t closed() const { return switching_.closed(); }
  [[nodiscard]] frames::Reason reason(frames::Relay relay) const { return switching_.reason(relay); }
  /// To be stored.
  [[nodiscard]] HeldState held() const;
  /// To be handed on to the next start.
  [[nodiscard]] CarriedImport carried_import(Micros now) const { return import_.carried(now); }

  /// Drawn from the grid since the last reset, as far as this pack knows; nullopt until it has measured the grid once.
  [[nodiscard]] std::optional<float> import_today_kwh() const;
  [[nodiscard]] bool is_import_exhausted() const { return import_.is_exhausted(); }
  /// The limit is on and at least `share_pct` % of it are drawn.
  [[nodiscard]] bool is_import_above(int share_pct) const { return import_.is_above(share_pct); }
  /// Eco is over its limit with nothing left to shed.
  [[nodiscard]] bool is_loads_limit() const { return eco_.is_loads_limit(); }

 private:
  /// Who moved a relay; of kSettings nothing is held that could be missing: they decide the same again.
  enum class Mover : std::uint8_t { kSettings, kSelfConsumption, kEco, kHand };

  /// Nothing moves: what was decided so shortly before the restart that flash does not say it is read from the relays,
  /// but for those that go elsewhere now.
  void take_kept_positions(RelayPositions& positions, std::uint8_t reset);
  [[nodiscard]] Mover mover_of(frames::Relay relay, bool to_closed) const;
  /// After a factory reset somebody decided about this relay: it is where it belongs.
  void end_reset(frames::Relay relay);
  void update_situation(Micros now, const Inputs& inputs);

  const Parameters& parameters_;
  const ModeSettings& settings_;
  RelaySwitching switching_;
  Eco eco_;
  ImportLimit import_;
  ManualRelays manual_{.closed = kFactoryDefault};
  bool is_starting_ = true;
  bool is_grid_measured_ = false;  ///< at least once since the start
  Situation situation_;
};

}  // namespace alfaspark
