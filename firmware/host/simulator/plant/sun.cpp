#include "simulator/plant/sun.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "simulator/random.hpp"

namespace alfaspark::sim {
namespace {

constexpr double kDayS = 86'400.0;
constexpr double kYearDays = 365.2425;
constexpr double kCloudChangeS = 600.0;
constexpr double kSolarNoonS = 12.8 * 3600.0;  // by the clock, in the west of a time zone
constexpr double kRadians = std::numbers::pi / 180.0;
constexpr double kLatitude = 36.7 * kRadians;

enum Purpose : std::uint64_t { kDay = 0x5501, kMoment = 0x5502 };

/// Sine of the sun's height over the horizon (declination after Cooper, 1969).
double sine_of_elevation(double local_s) {
  const double day = local_s / kDayS;
  const double days_since_solstice = std::fmod(day, kYearDays) + 10.0;
  const double declination = -23.44 * kRadians * std::cos(2.0 * std::numbers::pi * days_since_solstice / kYearDays);
  const double hour_angle = 2.0 * std::numbers::pi * (local_s - std::floor(day) * kDayS - kSolarNoonS) / kDayS;
  return std::sin(kLatitude) * std::sin(declination) +
         std::cos(kLatitude) * std::cos(declination) * std::cos(hour_angle);
}

}  // namespace

double Sun::irradiance(double local_s) const {
  const double elevation = std::max(0.0, sine_of_elevation(local_s));
  return std::clamp(std::pow(elevation, 1.15) * (1.0 - cloudiness(local_s)), 0.0, 1.0);
}

/// How much of the light the clouds take, 0..1: smooth between random values every ten minutes, on a scale by the day.
double Sun::cloudiness(double local_s) const {
  const auto value_at = [this](double moment) {
    return Random::derived(seed_, kMoment, static_cast<std::uint64_t>(static_cast<std::int64_t>(moment))).unit();
  };
  const double position = local_s / kCloudChangeS;
  const double before = std::floor(position);
  const double blend = 0.5 - 0.5 * std::cos((position - before) * std::numbers::pi);
  const double moment = value_at(before) * (1.0 - blend) + value_at(before + 1.0) * blend;
  const auto day = static_cast<std::uint64_t>(static_cast<std::int64_t>(std::floor(local_s / kDayS)));
  const double day_scale = Random::derived(seed_, kDay, day).unit();
  return 0.8 * day_scale * day_scale * moment;
}

}  // namespace alfaspark::sim
