// What the board layer decides without hardware.
#include "alfaspark/board/ct_scale.hpp"
#include "alfaspark/board/kept_state.hpp"
#include "alfaspark/board/monotonic.hpp"
#include "alfaspark/board/pins.hpp"
#include "alfaspark/board/pixel_bytes.hpp"
#include "alfaspark/board/rate_meter.hpp"
#include "alfaspark/board/relay_level.hpp"
#include "alfaspark/board/sample_sorter.hpp"
#include "alfaspark/board/segments.hpp"
#include "catch.hpp"

namespace alfaspark::board {

TEST_CASE("R1: polarity and contact type of a relay give the level of its pin") {
  CHECK(level_of({.active_low = false, .normally_closed = false}, true));
  CHECK_FALSE(level_of({.active_low = false, .normally_closed = false}, false));
  CHECK_FALSE(level_of({.active_low = true, .normally_closed = false}, true));
  CHECK_FALSE(level_of({.active_low = false, .normally_closed = true}, true));
  CHECK(level_of({.active_low = true, .normally_closed = true}, true));
  CHECK_FALSE(level_of({.active_low = true, .normally_closed = true}, false));
}

TEST_CASE("R1: a choice of pins with two uses of one, or one of the flash, is refused") {
  CHECK(are_distinct(std::array{34, 35, 0}));
  CHECK_FALSE(are_distinct(std::array{34, 35, 34}));
  CHECK(spare_the_flash(std::array{5, 12, 0}));
  CHECK_FALSE(spare_the_flash(std::array{5, 6}));
  CHECK_FALSE(spare_the_flash(std::array{11, 5}));
}

TEST_CASE("R6: the bar's bytes are green, red, blue of each LED, at its brightness") {
  Indication indication;
  indication.bar_brightness_pct = 30;
  indication.bar[0] = {.red = 200, .green = 100, .blue = 50};
  indication.bar[9] = {.red = 255, .green = 0, .blue = 255};
  const auto bytes = pixel_bytes(indication);
  CHECK(bytes[0] == 30);
  CHECK(bytes[1] == 60);
  CHECK(bytes[2] == 15);
  CHECK(bytes[27] == 0);
  CHECK(bytes[28] == 76);
  CHECK(bytes[29] == 76);
  CHECK(bytes[13] == 0);
}

TEST_CASE("R6: the display's digits, a dash and a blank") {
  CHECK(segments_of('0') == 0b0111111);
  CHECK(segments_of('1') == 0b0000110);
  CHECK(segments_of('8') == 0b1111111);
  CHECK(segments_of('9') == 0b1101111);
  CHECK(segments_of('-') == 0b1000000);
  CHECK(segments_of(' ') == 0);
  CHECK(segments_of('\0') == 0);
}

TEST_CASE("R2: a sample belongs to the channel that its tag names, in whatever order they come") {
  SampleSorter sorter({6, 7, 4, 5});
  for (const int round : {0, 1, 2}) {
    sorter.add(5, static_cast<std::uint16_t>(50 + round));
    sorter.add(6, static_cast<std::uint16_t>(60 + round));
    sorter.add(4, static_cast<std::uint16_t>(40 + round));
  }
  sorter.add(7, 70);
  sorter.add(0, 9999);  // of no CT
  const auto block = sorter.block(8000.0F);
  CHECK(block.sample_rate_hz == 8000.0F);
  CHECK(block.channels[0].size() == 3);
  CHECK(block.channels[0][2] == 62);
  CHECK(block.channels[1].size() == 1);
  CHECK(block.channels[2][1] == 41);
  CHECK(block.channels[3][0] == 50);
  CHECK(sorter.samples() == 3);
  sorter.clear();
  CHECK(sorter.block(8000.0F).channels[3].empty());
  for (int i = 0; i < 1000; ++i) sorter.add(6, 1);
  CHECK(sorter.samples() == SampleSorter::kMostSamples);
}

TEST_CASE("R2: the sampling rate is measured, not believed") {
  RateMeter meter;
  Micros now = 100 * kSecond;
  meter.add(now, 1000);  // began who knows when
  CHECK_FALSE(meter.rate_hz());
  for (int i = 0; i < 500; ++i) meter.add(now += 5 * kMillisecond, 40);
  CHECK(meter.rate_hz().value() == Approx(8000.0));
  meter.restart();
  meter.add(now += 30 * kSecond, 7);
  for (int i = 0; i < 500; ++i) meter.add(now += 5 * kMillisecond, 32);
  CHECK(meter.rate_hz().value() == Approx(6400.0));
}

TEST_CASE("R1: 68 ohm behind 2000 turns reach 22.9 A RMS in the ADC's good range, 31 ohm 50 A, 19 ohm 80 A") {
  // 0.2 V to 2.4 V around the bias: an amplitude of 1.1 V.
  constexpr float kCountsOfAmplitude = 1000.0F;
  constexpr float kVoltPerCount = 1.1F / kCountsOfAmplitude;
  const auto reach_a = [](float burden_ohm) {
    return amperes_per_count({.turns = 2000.0F, .burden_ohm = burden_ohm}, kVoltPerCount) * kCountsOfAmplitude /
           1.41421F;
  };
  CHECK(reach_a(68.0F) == Approx(22.9).epsilon(0.002));
  CHECK(reach_a(31.0F) >= 50.0F);
  CHECK(reach_a(19.0F) >= 80.0F);
  CHECK(reach_a(32.0F) < 50.0F);
  CHECK(reach_a(20.0F) < 80.0F);
}

TEST_CASE("R3: what was kept over a restart is believed only as it was written") {
  KeptState kept{};
  CHECK_FALSE(kept.is_valid());
  kept = {.relays_closed = 0b1011, .stuck_task = 0, .check = 0};
  kept.seal();
  CHECK(kept.is_valid());
  auto changed = kept;
  changed.relays_closed ^= 1U;
  CHECK_FALSE(changed.is_valid());
  changed = kept;
  changed.stuck_task = 1;
  CHECK_FALSE(changed.is_valid());
  changed = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF};
  CHECK_FALSE(changed.is_valid());
}

TEST_CASE("Times that come from interrupts never make the core's go back") {
  Monotonic clock;
  CHECK(clock.advance(100) == 100);
  CHECK(clock.advance(90) == 100);
  CHECK(clock.advance(101) == 101);
}

TEST_CASE("The version of the program is read from its text, whatever follows") {
  const auto version = version_of("1.22.203-dirty");
  REQUIRE(version);
  CHECK(int{version->major} == 1);
  CHECK(int{version->minor} == 22);
  CHECK(int{version->patch} == 203);
  for (const auto* text : {"", "1", "1.2", "a.b.c", "1.2.", "1.256.3", "v1.2.3", "-1.2.3"})
    CHECK_FALSE(version_of(text));
}

}  // namespace alfaspark::board
