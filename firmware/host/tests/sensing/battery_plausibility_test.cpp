// R2: nonsense counts as silence; a jump beyond physics only until the next readings confirm it.
#include "alfaspark/sensing/battery_plausibility.hpp"

#include <limits>

#include "catch.hpp"

namespace alfaspark {
namespace {

BatteryMeasurement reading(float voltage_v, float current_a = 0.0F) { return {voltage_v, current_a, std::nullopt}; }

/// Readings 2 s apart.
struct Judge {
  bool operator()(const BatteryMeasurement& measurement) {
    now += 2 * kSecond;
    return plausibility.accept(now, measurement);
  }
  BatteryPlausibility plausibility;
  Micros now = 0;
};

TEST_CASE("R2: the ranges of a 16-cell pack", "[sensing][bms]") {
  const auto accepts = [](const BatteryMeasurement& measurement) { return Judge()(measurement); };
  CHECK(accepts(reading(30.0F)));
  CHECK(accepts(reading(70.0F)));
  CHECK_FALSE(accepts(reading(29.99F)));
  CHECK_FALSE(accepts(reading(70.01F)));
  CHECK(accepts(reading(52.0F, 300.0F)));
  CHECK_FALSE(accepts(reading(52.0F, -300.1F)));
  CHECK(accepts({52.0F, std::nullopt, 100.0F}));
  CHECK_FALSE(accepts({52.0F, std::nullopt, 101.0F}));
  CHECK_FALSE(accepts({52.0F, std::nullopt, -1.0F}));
  CHECK_FALSE(accepts(reading(std::numeric_limits<float>::quiet_NaN())));
  CHECK_FALSE(accepts(reading(52.0F, std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("R2: a jump needs two more readings that agree", "[sensing][bms]") {
  Judge judge;
  REQUIRE(judge(reading(53.0F)));
  CHECK_FALSE(judge(reading(46.0F)));
  CHECK_FALSE(judge(reading(46.2F)));
  SECTION("and then counts") {
    CHECK(judge(reading(46.1F)));
    CHECK(judge(reading(46.0F)));
  }
  SECTION("but is forgotten when the old value returns") {
    CHECK(judge(reading(53.1F)));
    CHECK_FALSE(judge(reading(46.1F)));
    CHECK_FALSE(judge(reading(46.1F)));
    CHECK(judge(reading(46.1F)));
  }
  SECTION("and starts again when it jumps elsewhere") {
    CHECK_FALSE(judge(reading(62.0F)));
    CHECK_FALSE(judge(reading(62.0F)));
    CHECK(judge(reading(62.0F)));
  }
}

TEST_CASE("R2: a change of current explains a step of voltage", "[sensing][bms]") {
  Judge judge;
  REQUIRE(judge(reading(53.0F, 0.0F)));
  SECTION("by 50 milliohm") { CHECK(judge(reading(46.0F, -100.0F))); }
  SECTION("but not by more") { CHECK_FALSE(judge(reading(43.0F, -100.0F))); }
}

TEST_CASE("R2: after 10 s without a reading the next one is a first", "[sensing][bms]") {
  Judge judge;
  REQUIRE(judge(reading(60.0F)));
  judge.now += 8'100 * kMillisecond;
  CHECK(judge(reading(45.0F)));
}

}  // namespace
}  // namespace alfaspark
