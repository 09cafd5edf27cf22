// R4: what a year of normal use writes to flash, against what the part bears.
#include <algorithm>
#include <cmath>
#include <random>

#include "alfaspark/settings/settings.hpp"
#include "catch.hpp"
#include "modes/modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

constexpr int kDays = 365;
constexpr Micros kStep = 5 * kSecond;

// NVS: 32-byte entries, 126 to a page; a record takes at most three. Five of the eight pages of the partition rotate
// (one is kept free, two at most are taken by what is stored), and each bears 100,000 erasures (typical).
constexpr double kEntriesOfRecord = 3.0;
constexpr double kEntriesOfPage = 126.0;
constexpr double kRotatingPages = 5.0;
constexpr double kErasures = 100'000.0;
/// The grid fails 10 times a day (GridLossLog): begin and end of each.
constexpr int kWritesOfLosses = 20 * kDays;

/// Sun and clouds, a house with a heater and a pump, and a battery that cycles once a day.
class Year {
 public:
  void live(Bench& bench, int day, double hour) {
    if (hour < last_hour_) sunny_ = 0.3 + 0.7 * uniform_(dice_);
    last_hour_ = hour;
    const double sun_w = std::max(0.0, std::sin((hour - 6.0) / 12.0 * 3.14159265)) * 4500.0 * sunny_;
    if (uniform_(dice_) < 0.004) kettle_w_ = kettle_w_ > 0.0 ? 0.0 : 2000.0;
    const bool is_grid = bench.is_closed(Relay::kGrid);
    const double loads_w = (bench.is_closed(Relay::kLoad1) && hour > 10 && hour < 14 ? 900.0 : 0.0) +
                           (bench.is_closed(Relay::kLoad2) && (hour < 2 || hour > 18) ? 1800.0 : 0.0);
    const double home_w = 500.0 + kettle_w_ + loads_w;
    const double missing_w = home_w - sun_w;
    const double grid_w = is_grid ? std::max(0.0, missing_w) : 0.0;
    constexpr double kBatteryWh = 8000.0;
    soc_ = std::clamp(soc_ + (sun_w + grid_w - home_w) * 5.0 / 3600.0 / kBatteryWh * 100.0, 0.0, 100.0);
    bench.soc_pct = static_cast<float>(soc_ + 0.3 * uniform_(dice_));
    bench.grid_w = static_cast<float>(grid_w);
    bench.home_w = static_cast<float>(home_w);
    bench.load2_w = static_cast<float>(loads_w);
    bench.set_clock(local(kMonday + day, 0) + static_cast<std::int64_t>(std::lround(hour * 3600.0)));
  }

 private:
  std::mt19937 dice_{7};
  std::uniform_real_distribution<> uniform_;
  double soc_ = 50.0;
  double sunny_ = 1.0;
  double kettle_w_ = 0.0;
  double last_hour_ = 0.0;
};

}  // namespace

TEST_CASE("R4: ten years of normal use stay far below what the flash endures") {
  control_test::Flash flash;
  Bench bench;
  Settings settings(flash, bench.parameters, bench.settings);
  settings.load();
  REQUIRE(bench.parameters.set(Parameter::kImportLimit, 400));
  REQUIRE(bench.parameters.set(Parameter::kEcoLimit, 2500));
  bench.settings.windows[0] = Window{6 * 60, 23 * 60, 0x7F};
  for (const auto mode : {Mode::kSelfConsumption, Mode::kEco, Mode::kTimeOfUse, Mode::kImportLimit}) {
    bench.set(mode, true);
  }
  settings.on_setting_accepted(bench.now);

  Year year;
  int exhausted_days = 0;
  const auto movements_before = bench.board.movements;
  for (int day = 0; day < kDays; ++day) {
    bool was_exhausted = false;
    for (Micros at = 0; at < 24 * kHour; at += kStep) {
      year.live(bench, day, static_cast<double>(at) / static_cast<double>(kHour));
      bench.run(kStep, kStep);
      settings.set_held(bench.now, bench.control->held());
      settings.tick(bench.now);
      was_exhausted = was_exhausted || bench.control->is_import_exhausted();
    }
    exhausted_days += was_exhausted ? 1 : 0;
  }
  const double writes_of_ten_years = (flash.writes + kWritesOfLosses) * 10.0;
  const double erasures = writes_of_ten_years * kEntriesOfRecord / kEntriesOfPage / kRotatingPages;
  WARN(flash.writes << " writes and " << bench.board.movements - movements_before
                    << " relay movements in a year, limit exhausted on " << exhausted_days << " days; "
                    << std::lround(erasures) << " erasures of a page in ten years");
  CHECK(flash.writes > 2 * kDays);  // something happened
  CHECK(exhausted_days > 10);
  CHECK(erasures < kErasures / 20.0);
}

}  // namespace alfaspark::modes_test
