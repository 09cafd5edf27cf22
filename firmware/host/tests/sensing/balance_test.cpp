// R2: powers, total home, solar and SOC from what is measured.
#include "alfaspark/sensing/balance.hpp"

#include "catch.hpp"

namespace alfaspark {
namespace {

using Currents = std::array<std::optional<float>, kCurrentChannels>;

TEST_CASE("R2: apparent power is RMS current times nominal voltage", "[sensing][balance]") {
  const Powers powers = ac_powers(Currents{1.0F, 2.0F, 3.0F, 4.0F}, 220.0F, LoadsTopology::kOwnCircuits);
  CHECK(*powers.grid_w == 220.0F);
  CHECK(*powers.inverter_w == 440.0F);
  CHECK(*powers.load1_w == 660.0F);
  CHECK(*powers.load2_w == 880.0F);
}

TEST_CASE("R2: total home counts the loads where they have circuits of their own", "[sensing][balance]") {
  const Currents currents_a{1.0F, 2.0F, 3.0F, 4.0F};
  CHECK(*ac_powers(currents_a, 100.0F, LoadsTopology::kOwnCircuits).home_w == 900.0F);
  CHECK(*ac_powers(currents_a, 100.0F, LoadsTopology::kBehindInverter).home_w == 200.0F);
}

TEST_CASE("R2: a power is unknown when what it needs is, and only then", "[sensing][balance]") {
  const Currents without_load2{1.0F, 2.0F, 3.0F, std::nullopt};
  const Powers own = ac_powers(without_load2, 220.0F, LoadsTopology::kOwnCircuits);
  CHECK_FALSE(own.load2_w);
  CHECK_FALSE(own.home_w);
  CHECK(own.inverter_w);
  CHECK(ac_powers(without_load2, 220.0F, LoadsTopology::kBehindInverter).home_w);
  const Currents without_inverter{1.0F, std::nullopt, 3.0F, 4.0F};
  CHECK_FALSE(ac_powers(without_inverter, 220.0F, LoadsTopology::kOwnCircuits).home_w);
  CHECK_FALSE(ac_powers(without_inverter, 220.0F, LoadsTopology::kBehindInverter).home_w);
}

TEST_CASE("R2: solar = home + battery - grid with the battery signed, never below 0", "[sensing][balance]") {
  CHECK(*solar_power_w(1500.0F, 1000.0F, 0.0F) == 2500.0F);   // feeds the home and charges
  CHECK(*solar_power_w(1500.0F, -1500.0F, 0.0F) == 0.0F);     // the battery feeds the home
  CHECK(*solar_power_w(1500.0F, 500.0F, 2000.0F) == 0.0F);    // the grid does both
  CHECK(*solar_power_w(1500.0F, -500.0F, 200.0F) == 800.0F);  // all three
  CHECK(*solar_power_w(100.0F, -150.0F, 0.0F) == 0.0F);       // inverter losses are no sun
}

TEST_CASE("R2: solar is unknown when an input is", "[sensing][balance]") {
  CHECK_FALSE(solar_power_w(std::nullopt, 1.0F, 1.0F));
  CHECK_FALSE(solar_power_w(1.0F, std::nullopt, 1.0F));
  CHECK_FALSE(solar_power_w(1.0F, 1.0F, std::nullopt));
}

TEST_CASE("R2: SOC is linear between the two voltages and clamped", "[sensing][balance]") {
  CHECK(*soc_from_voltage_pct(46.4F, 46.4F, 62.4F) == Approx(0.0));
  CHECK(*soc_from_voltage_pct(62.4F, 46.4F, 62.4F) == Approx(100.0));
  CHECK(*soc_from_voltage_pct(54.4F, 46.4F, 62.4F) == Approx(50.0));
  CHECK(*soc_from_voltage_pct(40.0F, 46.4F, 62.4F) == 0.0F);
  CHECK(*soc_from_voltage_pct(69.0F, 46.4F, 62.4F) == 100.0F);
  CHECK(*soc_from_voltage_pct(53.0F, 51.0F, 55.0F) == Approx(50.0));
  CHECK_FALSE(soc_from_voltage_pct(53.0F, 55.0F, 55.0F));
}

TEST_CASE("R2: a voltage of the BMS gives the SOC to the hundredth, so that thresholds hold at their value",
          "[sensing]") {
  for (int register_dv = 464; register_dv <= 624; ++register_dv) {
    const float voltage_v = static_cast<float>(register_dv) * 0.1F;  // as a poll scales it
    const float exact_pct = static_cast<float>(register_dv - 464) * 6.25F / 10.0F;
    const auto soc_pct = soc_from_voltage_pct(voltage_v, 46400 * 1e-3F, 62400 * 1e-3F).value();
    CHECK(soc_pct == Approx(exact_pct).margin(0.0051));
    if (register_dv % 16 == 0) CHECK(soc_pct == exact_pct);  // 0, 10, 20 .. 100 %
  }
}

}  // namespace
}  // namespace alfaspark
