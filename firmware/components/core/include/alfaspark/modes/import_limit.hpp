// The energy drawn from the grid today, and the latch that holds the grid relay open once the limit was drawn.
#pragma once

#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/modes/held_state.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class ImportLimit {
 public:
  struct Inputs {
    double grid_wh = 0.0;                 ///< the counter of the grid
    std::optional<std::int64_t> local_s;  ///< local time in seconds since 1970
    bool is_on = false;
  };

  explicit ImportLimit(const Parameters& parameters) : parameters_(parameters) {}

  /// What a start finds.
  struct Before {
    std::optional<ImportLatch> latch{};      ///< from flash
    std::optional<CarriedImport> carried{};  ///< counts more than what is on flash
    double grid_wh = 0.0;                    ///< the counter of the grid, which may have been carried over too
  };

  void start(Micros now, const Before& before, bool is_on);
  void update(Micros now, const Inputs& inputs);

  /// See RelayControl.
  frames::Result restore(std::uint16_t before_boot_10wh, std::uint16_t import_day);
  /// What the daily reset does: counts from 0 again and releases the latch.
  void reset(Micros now);
  void forget() { latch_ = {}; }

  [[nodiscard]] double import_wh() const { return before_start_wh_ + grid_wh_ - counted_from_wh_; }
  [[nodiscard]] bool is_exhausted() const { return latch_.is_exhausted; }
  /// The limit is on, and this much of it is drawn.
  [[nodiscard]] bool is_above(int share_pct) const;
  [[nodiscard]] const ImportLatch& latch() const { return latch_; }
  /// To be handed on to the next start.
  [[nodiscard]] CarriedImport carried(Micros now) const;

 private:
  static constexpr Micros kHour = 3600 * kSecond;
  /// Without a clock, a day is so long.
  static constexpr Micros kDayWithoutClock = 24 * kHour;
  /// A day that a wrong clock already began is not begun again sooner.
  static constexpr Micros kShortestDay = 20 * kHour;

  void go_on(Micros now, const CarriedImport& carried);
  void follow_clock(Micros now, std::int64_t local_s);
  void meet_clock(Micros now, std::int64_t local_s);
  void count_day_without_clock(Micros now);
  void judge();
  [[nodiscard]] double limit_wh() const;
  [[nodiscard]] Micros counted_since() const { return reset_at_.value_or(started_at_); }

  const Parameters& parameters_;
  bool is_on_ = false;
  double grid_wh_ = 0.0;
  double counted_from_wh_ = 0.0;  ///< `grid_wh_` at the last reset or start
  double before_start_wh_ = 0.0;  ///< of today, before this start
  double held_wh_ = 0.0;          ///< as much of that as this pack itself remembered
  bool stays_open_ = false;       ///< after this start, until the reset
  double last_limit_wh_ = 0.0;
  bool is_clock_set_ = false;  ///< since this start
  bool was_reset_ = false;     ///< since this start
  // Times of a count that a restart carried over lie before this start, and may be below 0.
  Micros booted_at_ = 0;
  Micros started_at_ = 0;            ///< when the count began, if not by a reset
  std::optional<Micros> reset_at_;   ///< the last one
  std::optional<std::int64_t> day_;  ///< the import day as of the last look at the clock; nullopt until it is set
  std::int64_t last_begun_day_ = 0;  ///< the import day whose begin was met last
  ImportLatch latch_;
};

}  // namespace alfaspark
