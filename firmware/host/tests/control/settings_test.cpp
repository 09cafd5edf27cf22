// Requirement R4: settings on flash, on change only, with CRC and version; a damaged one falls back alone.
#include "alfaspark/settings/settings.hpp"

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

constexpr std::uint8_t kNodeKey = 1;
constexpr std::uint8_t kRelaysKey = 2;

/// A flash with number 42 and relays 0b0101.
Flash written_flash() {
  Flash flash;
  Settings settings(flash);
  settings.load();
  settings.set_node_number(0, 42);
  settings.set_manual_relays(0, {.closed = 0b0101});
  settings.tick(2 * kSecond);
  flash.writes = 0;
  return flash;
}

}  // namespace

TEST_CASE("Nothing stored is nothing known, and no reset") {
  Flash flash;
  Settings settings(flash);
  settings.load();
  CHECK_FALSE(settings.node_number());
  CHECK_FALSE(settings.manual_relays());
  CHECK_FALSE(settings.were_reset());
  settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("What was stored comes back after a restart, and is not written again") {
  auto flash = written_flash();
  CHECK(flash.records.size() == 2);
  Settings settings(flash);
  settings.load();
  CHECK(settings.node_number() == 42);
  CHECK(settings.manual_relays() == ManualRelays{.closed = 0b0101});
  CHECK_FALSE(settings.were_reset());
  settings.set_node_number(0, 42);
  settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("Written 2 s after the last change, 10 s after the first at the latest") {
  auto flash = written_flash();
  Settings settings(flash);
  settings.load();
  settings.set_manual_relays(0, {.closed = 1});
  settings.tick(2 * kSecond - 1);
  CHECK(flash.writes == 0);
  settings.tick(2 * kSecond);
  CHECK(flash.writes == 1);

  const Micros start = 100 * kSecond;
  Micros written_at = 0;
  for (Micros now = start; written_at == 0 && now < start + 30 * kSecond; now += kSecond) {
    settings.set_manual_relays(now, {.closed = static_cast<std::uint8_t>(now / kSecond % 2 + 2)});
    settings.tick(now);
    if (flash.writes == 2) written_at = now;
  }
  CHECK(written_at == start + 10 * kSecond);
}

TEST_CASE("Changed and changed back is not written") {
  auto flash = written_flash();
  Settings settings(flash);
  settings.load();
  settings.set_manual_relays(0, {.closed = 1});
  settings.set_manual_relays(kSecond, {.closed = 0b0101});
  settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("Any damaged bit is found, that setting falls back alone, and is reported until a setting is accepted") {
  const auto whole = written_flash();
  const auto size = whole.records.at(kRelaysKey).size();
  for (std::size_t bit = 0; bit < 8 * size; ++bit) {
    auto flash = whole;
    flash.records[kRelaysKey][bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    Settings settings(flash);
    settings.load();
    REQUIRE_FALSE(settings.manual_relays());
    REQUIRE(settings.node_number() == 42);
    REQUIRE(settings.were_reset());
    settings.on_setting_accepted();
    REQUIRE_FALSE(settings.were_reset());
  }
}

TEST_CASE("A record that is cut, longer, of another version or of another key is not taken") {
  auto flash = written_flash();
  SECTION("cut") { flash.records[kNodeKey].pop_back(); }
  SECTION("of another key") { flash.records[kNodeKey] = flash.records[kRelaysKey]; }
  SECTION("longer: the port says there is none that fits") { flash.records[kNodeKey].resize(20); }
  SECTION("of another key, same size") {
    StoredRecord<1> other(99, 1);
    other.set(0, {7});
    REQUIRE(other.write_if_due(kSecond * 2, flash) == Written::kDone);
    flash.records[kNodeKey] = flash.records[99];
  }
  SECTION("of another version") {
    StoredRecord<1> newer(kNodeKey, 2);
    newer.set(0, {7});
    REQUIRE(newer.write_if_due(kSecond * 2, flash) == Written::kDone);
  }
  Settings settings(flash);
  settings.load();
  CHECK_FALSE(settings.node_number());
  CHECK(settings.manual_relays());
}

TEST_CASE("A failed write is reported and tried again every minute until it succeeds") {
  auto flash = written_flash();
  Settings settings(flash);
  settings.load();
  flash.is_broken = true;
  settings.set_node_number(0, 43);
  for (Micros now = 0; now < 121 * kSecond; now += kSecond) settings.tick(now);
  CHECK(flash.writes == 2);  // after 2 s and 62 s
  CHECK(settings.has_storage_failed());
  flash.is_broken = false;
  settings.tick(122 * kSecond);
  CHECK(flash.writes == 3);
  CHECK_FALSE(settings.has_storage_failed());
}

TEST_CASE("The CRC is the one of IEEE 802.3") {
  // Check value of CRC-32/ISO-HDLC: "123456789" gives 0xCBF43926; the key stands for the first character.
  const std::array<std::uint8_t, 8> rest{'2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(record_crc('1', rest) == 0xCBF43926);
}

}  // namespace alfaspark::control_test
