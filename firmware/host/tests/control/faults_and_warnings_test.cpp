// Protocol: FAULT on a fault and on its clearing; the warnings of STATUS and when each is set and cleared.
#include <vector>

#include "alfaspark/control/faults.hpp"
#include "alfaspark/control/host_watch.hpp"
#include "alfaspark/control/reset_button.hpp"
#include "alfaspark/control/warnings.hpp"
#include "catch.hpp"

namespace alfaspark::control_test {
namespace {

using frames::FaultCode;
using frames::PackWarning;

std::uint16_t warnings_at(Warnings& warnings, std::optional<float> soc_pct) {
  return warnings.update({.soc_pct = soc_pct});
}

}  // namespace

TEST_CASE("A fault is told once when it appears and once when it clears") {
  Faults faults;
  CHECK_FALSE(faults.take_change());
  faults.set(0, FaultCode::kBmsLost, true);
  faults.set(1, FaultCode::kBmsLost, true);
  CHECK(faults.any());
  const auto appears = faults.take_change().value();
  CHECK(appears.code == FaultCode::kBmsLost);
  CHECK(appears.active);
  CHECK_FALSE(faults.take_change());
  faults.set(2, FaultCode::kBmsLost, false);
  CHECK_FALSE(faults.any());
  CHECK_FALSE(faults.take_change().value().active);
  CHECK_FALSE(faults.take_change());
}

TEST_CASE("Faults of the four channels are told apart") {
  Faults faults;
  faults.set(0, FaultCode::kSensorClipped, true, 3);
  faults.set(0, FaultCode::kSensorClipped, true, 1);
  faults.set(0, FaultCode::kOpenRelayCurrent, true, 1);
  CHECK(faults.any_of_sensors());
  std::vector<std::pair<FaultCode, std::uint32_t>> told;
  while (const auto fault = faults.take_change()) told.emplace_back(fault->code, fault->argument);
  CHECK(told == std::vector<std::pair<FaultCode, std::uint32_t>>{
                    {FaultCode::kSensorClipped, 1}, {FaultCode::kSensorClipped, 3}, {FaultCode::kOpenRelayCurrent, 1}});
}

TEST_CASE("A fault that came and went before it could be sent is told as both") {
  Faults faults;
  faults.set(0, FaultCode::kBusOff, true);
  faults.set(1, FaultCode::kBusOff, false);
  CHECK(faults.take_change().value().active);
  CHECK_FALSE(faults.take_change().value().active);
  CHECK_FALSE(faults.take_change());
}

TEST_CASE("Cleared and back before it could be sent is no change") {
  Faults faults;
  faults.set(0, FaultCode::kStorageFailed, true);
  REQUIRE(faults.take_change());
  faults.set(1, FaultCode::kStorageFailed, false);
  faults.set(2, FaultCode::kStorageFailed, true);
  CHECK_FALSE(faults.take_change());
  CHECK(faults.any());
}

TEST_CASE("A sensor fault stands for 2 s after it was last seen, so that it does not flutter") {
  Faults faults;
  faults.set(0, FaultCode::kSensorClipped, true, 0);
  faults.set(kSecond, FaultCode::kSensorClipped, true, 0);
  faults.set(3 * kSecond - 1, FaultCode::kSensorClipped, false, 0);
  CHECK(faults.any_of_sensors());
  faults.set(3 * kSecond, FaultCode::kSensorClipped, false, 0);
  CHECK_FALSE(faults.any_of_sensors());
  CHECK_FALSE(faults.any());
}

TEST_CASE("SOC low is set at 20 % and cleared at 22 %, and no unknown value clears it") {
  Warnings warnings;
  const auto low = bit(PackWarning::kSocLow);
  CHECK(warnings_at(warnings, std::nullopt) == 0);
  CHECK(warnings_at(warnings, 20.1F) == 0);
  CHECK(warnings_at(warnings, 20.0F) == low);
  CHECK(warnings_at(warnings, 21.9F) == low);
  CHECK(warnings_at(warnings, std::nullopt) == low);
  CHECK(warnings_at(warnings, 22.0F) == 0);
  CHECK(warnings_at(warnings, 21.0F) == 0);
}

TEST_CASE("Each condition is its own bit") {
  Warnings warnings;
  CHECK(warnings.update({.bms_lost = true}) == 1U << 3);
  CHECK(warnings.update({.clock_unknown = true}) == 1U << 4);
  CHECK(warnings.update({.host_lost = true}) == 1U << 5);
  CHECK(warnings.update({.sensor_fault = true}) == 1U << 6);
  CHECK(warnings.update({.settings_reset = true}) == 1U << 7);
  CHECK(warnings.update({.node_conflict = true}) == 1U << 8);
  CHECK(warnings.update({.storage_failed = true}) == 1U << 9);
}

TEST_CASE("The host is lost after 150 s without SET_TIME or a command, or after a start without any") {
  HostWatch host;
  host.start(10 * kSecond);
  CHECK_FALSE(host.is_seen(11 * kSecond));
  CHECK_FALSE(host.is_lost(160 * kSecond - 1));
  CHECK(host.is_lost(160 * kSecond));
  host.on_command(200 * kSecond);
  CHECK(host.is_seen(350 * kSecond - 1));
  CHECK_FALSE(host.is_lost(350 * kSecond - 1));
  CHECK_FALSE(host.is_seen(350 * kSecond));
  CHECK(host.is_lost(350 * kSecond));
}

TEST_CASE("The button asks for a factory reset once when it was held for 10 s, not for less") {
  ResetButton button;
  button.on_edge(0, true);
  CHECK_FALSE(button.take_factory_reset(10 * kSecond - 1));
  button.on_edge(10 * kSecond - 1, false);
  CHECK_FALSE(button.take_factory_reset(20 * kSecond));
  CHECK(button.take_limit_off());
  button.on_edge(30 * kSecond, true);
  button.on_edge(32 * kSecond, true);  // bounced
  CHECK(button.take_factory_reset(40 * kSecond));
  CHECK_FALSE(button.take_factory_reset(60 * kSecond));
  button.on_edge(61 * kSecond, false);
  CHECK_FALSE(button.take_limit_off());
}

TEST_CASE("R4: the button let go after 3 to 10 s asks once for the limit to be off") {
  const auto held_s = GENERATE(1, 2, 3, 9, 10);
  ResetButton button;
  button.on_edge(0, true);
  CHECK_FALSE(button.take_limit_off());
  button.on_edge(held_s * kSecond, false);
  CHECK(button.take_limit_off() == (held_s >= 3 && held_s < 10));
  CHECK_FALSE(button.take_limit_off());
  CHECK(button.take_factory_reset(held_s * kSecond) == (held_s == 10));
}

TEST_CASE("Active faults are repeated for a host that comes later, with their arguments") {
  Faults faults;
  faults.set_argument(frames::FaultCode::kWatchdogRestart, 7);
  faults.set(0, frames::FaultCode::kWatchdogRestart, true);
  faults.set(0, frames::FaultCode::kSensorClipped, true, 2);
  while (faults.take_change()) {
  }
  faults.set(0, frames::FaultCode::kBusOff, true);
  faults.set(0, frames::FaultCode::kBusOff, false);
  faults.repeat();
  std::vector<std::pair<int, int>> told;
  while (const auto fault = faults.take_change()) {
    told.emplace_back(static_cast<int>(fault->code), static_cast<int>(fault->argument));
  }
  CHECK(told == std::vector<std::pair<int, int>>{{2, 2}, {9, 7}, {11, 0}, {11, 0}});
}

TEST_CASE("What may have been lost with the bus is told again: what stands, and what was told and no longer stands") {
  Faults faults;
  faults.set(0, FaultCode::kBmsLost, true);
  faults.set(0, FaultCode::kSensorClipped, true, 1);
  while (faults.take_change()) {
  }
  faults.set(1, FaultCode::kBmsLost, false);
  faults.set(1, FaultCode::kStorageFailed, true);
  while (faults.take_change()) {  // lost
  }
  faults.repeat_all();
  std::vector<std::pair<FaultCode, bool>> told;
  while (const auto fault = faults.take_change()) told.emplace_back(fault->code, fault->active);
  CHECK(told == std::vector<std::pair<FaultCode, bool>>{{FaultCode::kBmsLost, false},
                                                        {FaultCode::kSensorClipped, true},
                                                        {FaultCode::kStorageFailed, true}});
}

}  // namespace alfaspark::control_test
