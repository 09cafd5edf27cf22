#include "simulator/plant/loads.hpp"

#include <array>
#include <cmath>
#include <string_view>

#include "simulator/random.hpp"

namespace alfaspark::sim {
namespace {

/// Runs once in every period, or not, by the hour in which the period starts.
struct Appliance {
  double power_w;
  double period_s;
  double on_s;
  std::string_view chance_by_hour;  ///< 24 digits, hour 0 first: chance in tenths, 9 = always
};

constexpr double kMinute = 60.0;

constexpr std::array<Appliance, 7> kHomeAppliances = {{
    {110, 45 * kMinute, 16 * kMinute, "999999999999999999999999"},    // refrigerator
    {160, 30 * kMinute, 30 * kMinute, "200001431000000001499984"},    // lights
    {140, 60 * kMinute, 60 * kMinute, "100000121111221112466663"},    // television, computers
    {2000, 60 * kMinute, 3 * kMinute, "000000475211331124332100"},    // kettle
    {1500, 60 * kMinute, 14 * kMinute, "000000210002640000167200"},   // cooker
    {1900, 180 * kMinute, 25 * kMinute, "000000000311132100100000"},  // washing machine, heating up
    {1100, 20 * kMinute, 9 * kMinute, "211100000013466777665432"},    // air conditioning
}};
constexpr Appliance kPoolPump = {900, 60 * kMinute, 52 * kMinute, "000000000999999910000000"};
constexpr Appliance kWaterHeater = {2000, 60 * kMinute, 22 * kMinute, "111118963213543222568731"};
constexpr double kStandbyW = 90.0;

double power_of(const Appliance& appliance, Random individual, std::uint64_t seed, std::uint64_t number,
                double local_s) {
  const double own_shift_s = individual.between(0.0, appliance.period_s);
  const double own_power_w = appliance.power_w * individual.between(0.9, 1.1);
  const double slot = std::floor((local_s + own_shift_s) / appliance.period_s);
  const double slot_start_s = slot * appliance.period_s - own_shift_s;
  const double hour = std::fmod(std::floor(slot_start_s / 3600.0), 24.0);
  const int tenths = appliance.chance_by_hour[static_cast<std::size_t>(hour < 0 ? hour + 24.0 : hour)] - '0';

  Random chance = Random::derived(seed, number, static_cast<std::uint64_t>(static_cast<std::int64_t>(slot)));
  const bool runs = tenths == 9 || chance.chance(tenths / 10.0);
  const double on_at_s = slot_start_s + chance.between(0.0, appliance.period_s - appliance.on_s);
  return runs && local_s >= on_at_s && local_s < on_at_s + appliance.on_s ? own_power_w : 0.0;
}

}  // namespace

Demand Household::demand(double local_s) const {
  std::uint64_t number = 0x10AD00;
  const auto power = [&](const Appliance& appliance) {
    ++number;
    return power_of(appliance, Random::derived(seed_, number), seed_, number, local_s);
  };
  Demand demand{.home_w = kStandbyW};
  for (const Appliance& appliance : kHomeAppliances) demand.home_w += power(appliance);
  demand.load1_w = power(kPoolPump);
  demand.load2_w = power(kWaterHeater);
  return demand;
}

}  // namespace alfaspark::sim
