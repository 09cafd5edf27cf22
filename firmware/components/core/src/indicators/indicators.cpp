#include "alfaspark/indicators/indicators.hpp"

#include <algorithm>
#include <cmath>

namespace alfaspark {
namespace {

constexpr Rgb kGreen{0, 255, 0};
constexpr Rgb kRed{255, 0, 0};
constexpr Rgb kBlue{0, 0, 255};
constexpr Rgb kAmber{255, 160, 0};
constexpr Rgb kWhite{255, 255, 255};

constexpr float kRedUpToPct = 20.0F;
constexpr float kDisplayBlinksBelowPct = 15.0F;
constexpr Micros kBlinkPeriod = kSecond;
constexpr Micros kIdentifyPeriod = kSecond / 2;
/// Who turned the bar dark still wants to find the pack.
constexpr std::uint8_t kIdentifyBrightnessPct = 30;
constexpr Micros kSweepStep = 200 * kMillisecond;

bool is_blink_on(Micros now, Micros period) { return now % period < period / 2; }

void show_bar(Micros now, const Indicators::State& state, Indication& shown) {
  if (!state.soc_pct) {
    shown.bar[0] = kAmber;
    return;
  }
  const auto size = shown.bar.size();
  const auto lit = static_cast<std::size_t>(std::ceil(std::clamp(*state.soc_pct, 0.0F, 100.0F) / 10.0F));
  std::fill_n(shown.bar.begin(), std::min(lit, size), *state.soc_pct > kRedUpToPct ? kGreen : kRed);
  if (state.is_charging) {
    const auto swept = std::max<std::size_t>(lit, 1);  // an empty battery that charges shows it too
    shown.bar[static_cast<std::size_t>(now / kSweepStep) % swept] = kBlue;
  }
}

void show_display(Micros now, const Indicators::State& state, Indication& shown) {
  if (!state.soc_pct) {
    shown.display = {'-', '-', '-'};
    return;
  }
  if (*state.soc_pct < kDisplayBlinksBelowPct && !is_blink_on(now, kBlinkPeriod)) return;
  const auto percent = static_cast<int>(std::lround(std::clamp(*state.soc_pct, 0.0F, 100.0F)));
  const auto digit = [](int value) { return static_cast<char>('0' + value % 10); };
  if (percent >= 100) shown.display[0] = digit(percent / 100);
  if (percent >= 10) shown.display[1] = digit(percent / 10);
  shown.display[2] = digit(percent);
}

}  // namespace

Indication indication_of(Micros now, const Indicators::State& state) {
  Indication shown;
  shown.bar_brightness_pct = state.brightness_pct;
  show_bar(now, state, shown);
  show_display(now, state, shown);
  const bool blink = is_blink_on(now, kBlinkPeriod);
  shown.green = state.is_host_seen || blink;
  shown.yellow = state.has_warning;
  shown.red = state.has_fault || (state.is_grid_absent && blink);
  return shown;
}

void Indicators::tick(Micros now, const State& state) {
  if (now < next_refresh_) return;
  next_refresh_ = now + kRefresh;
  auto shown = indication_of(now, state);
  if (now < identify_until_) {
    const bool on = is_blink_on(now, kIdentifyPeriod);
    shown.bar.fill(on ? kWhite : Rgb{});
    shown.green = shown.yellow = shown.red = on;
    shown.bar_brightness_pct = std::max(shown.bar_brightness_pct, kIdentifyBrightnessPct);
  }
  if (shown_ == shown) return;
  shown_ = shown;
  port_.show(shown);
}

}  // namespace alfaspark
