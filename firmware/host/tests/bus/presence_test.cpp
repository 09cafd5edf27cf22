// Protocol, "Presence and master": who is there, what is known of them, which numbers are free.
#include "alfaspark/bus/presence.hpp"

#include "catch.hpp"

namespace alfaspark::bus_test {
namespace {

using frames::DeviceType;
using frames::Function;

constexpr std::uint8_t kNode = 17;

frames::Payload announce(DeviceType type, bool is_master = false) {
  const auto flags = is_master ? bit(frames::AnnounceFlag::kIsMaster) : std::uint8_t{0};
  return frames::Announce{.device_type = type, .flags = flags}.encode();
}

}  // namespace

TEST_CASE("Nobody is there until heard, and nothing is known of them") {
  const Presence presence;
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    CHECK_FALSE(presence.is_present(0, node));
    CHECK_FALSE(presence.is_in_use(0, node));
    CHECK_FALSE(presence.device_type(node));
    CHECK_FALSE(presence.says_master(node));
  }
}

TEST_CASE("A node is gone after 120 s; what comes back then is somebody else until it says so") {
  Presence presence;
  presence.on_base_frame(0, Function::kAnnounce, kNode, announce(DeviceType::kEnergyGateway, true));
  CHECK(presence.is_present(120 * kSecond - 1, kNode));
  CHECK_FALSE(presence.is_present(120 * kSecond, kNode));
  CHECK_FALSE(presence.is_in_use(120 * kSecond, kNode));
  presence.on_base_frame(130 * kSecond, Function::kPower, kNode, frames::Power{}.encode());
  CHECK(presence.is_present(130 * kSecond, kNode));
  CHECK_FALSE(presence.device_type(kNode));
  CHECK_FALSE(presence.says_master(kNode));
}

TEST_CASE("A CLAIM takes a number and is no presence; it gives it free when it claims another") {
  Presence presence;
  presence.on_claim(0, {.serial = 5, .node = kNode, .device_type = DeviceType::kEnergyPack});
  CHECK(presence.is_in_use(kSecond, kNode));
  CHECK_FALSE(presence.is_present(kSecond, kNode));
  CHECK(presence.device_type(kNode) == DeviceType::kEnergyPack);
  presence.on_base_frame(kSecond, Function::kStatus, kNode, frames::Status{}.encode());
  CHECK(presence.device_type(kNode) == DeviceType::kEnergyPack);
  presence.on_claim(2 * kSecond, {.serial = 5, .node = 3});
  CHECK_FALSE(presence.is_in_use(2 * kSecond, kNode));
  CHECK(presence.is_in_use(2 * kSecond, 3));
  presence.on_claim(3 * kSecond, {.serial = 5, .node = 0});
  CHECK_FALSE(presence.is_in_use(3 * kSecond, 3));
}

TEST_CASE("The loser of a number does not free it when it moves") {
  Presence presence;
  const Presence::Claimant lower{.serial = 5, .node = kNode};
  const Presence::Claimant higher{.serial = 6, .node = kNode};
  const bool lower_first = GENERATE(true, false);
  presence.on_claim(0, lower_first ? lower : higher);
  presence.on_claim(1, lower_first ? higher : lower);
  presence.on_claim(2, {.serial = 6, .node = 3});
  CHECK(presence.is_in_use(2, kNode));
  CHECK(presence.is_in_use(2, 3));
  // A number held beats the lower serial here too.
  presence.on_claim(3, {.serial = 9, .node = kNode, .held = true});
  presence.on_claim(4, {.serial = 5, .node = 4});
  CHECK(presence.is_in_use(4, kNode));
}

TEST_CASE("Who wins a number from another is not taken for that one") {
  Presence presence;
  presence.on_claim(0, {.serial = 6, .node = kNode});
  presence.on_base_frame(0, Function::kAnnounce, kNode, announce(DeviceType::kEnergyGateway, true));
  presence.on_base_frame(0, Function::kPower, kNode, frames::Power{.grid_w = 700.0F}.encode());
  presence.on_claim(1, {.serial = 5, .node = kNode});
  CHECK_FALSE(presence.device_type(kNode));
  CHECK_FALSE(presence.says_master(kNode));
  CHECK_FALSE(presence.power(2, kNode).grid_w);
  CHECK(presence.is_in_use(2, kNode));
  CHECK_FALSE(presence.is_present(2, kNode));
}

TEST_CASE("Free numbers are counted from the lowest, around, without the one left") {
  Presence presence;
  CHECK(presence.free_number(0, 0, 0) == 1);
  CHECK(presence.free_number(0, 0, 1) == 2);
  CHECK(presence.free_number(0, 125, 0) == 126);
  CHECK(presence.free_number(0, 126, 0) == 1);
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    if (node != 60) presence.on_claim(0, {.serial = node, .node = node});
  }
  CHECK(presence.free_number(0, 7, 0) == 60);
  CHECK(presence.free_number(0, 7, 60) == std::nullopt);
}

TEST_CASE("Readings of a node are known for three missed periods") {
  Presence presence;
  presence.on_base_frame(0, Function::kBattery, kNode, frames::Battery{.soc_pct = 55.0F}.encode());
  presence.on_base_frame(0, Function::kPower, kNode, frames::Power{.grid_w = 700.0F}.encode());
  CHECK(presence.battery(6 * kSecond - 1, kNode).soc_pct == 55.0F);
  CHECK(presence.power(6 * kSecond - 1, kNode).grid_w == 700.0F);
  CHECK_FALSE(presence.power(6 * kSecond - 1, kNode).solar_w);
  CHECK_FALSE(presence.battery(6 * kSecond, kNode).soc_pct);
  CHECK_FALSE(presence.power(6 * kSecond, kNode).grid_w);
}

TEST_CASE("A frame with a value that the protocol does not have changes no reading, but somebody is there") {
  Presence presence;
  presence.on_base_frame(0, Function::kBattery, kNode, frames::Battery{.soc_pct = 55.0F}.encode());
  auto absurd = frames::Battery{}.encode();
  absurd[6] = 222;  // 111 %
  CHECK_FALSE(presence.on_base_frame(kSecond, Function::kBattery, kNode, absurd));
  CHECK(presence.battery(kSecond, kNode).soc_pct == 55.0F);
  CHECK_FALSE(presence.on_base_frame(kSecond, Function::kAnnounce, kNode, frames::Payload{9}));
  CHECK_FALSE(presence.device_type(kNode));
  CHECK(presence.is_present(kSecond + 1, kNode));
}

}  // namespace alfaspark::bus_test
