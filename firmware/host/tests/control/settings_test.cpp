// Requirement R4: settings on flash, on change only, with CRC and version; a damaged one falls back alone.
#include "alfaspark/settings/settings.hpp"

#include "alfaspark/settings/record_content.hpp"
#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

constexpr std::uint8_t kNodeKey = 1;
constexpr std::uint8_t kRelaysKey = 2;

/// The settings of a pack with what they fill.
struct Store {
  explicit Store(StoragePort& flash) : settings(flash, parameters, modes) { settings.load(); }
  void set_manual(Micros now, std::uint8_t closed) {
    settings.set_held(now, {.manual = ManualRelays{.closed = closed}});
  }
  [[nodiscard]] std::optional<ManualRelays> manual() const { return settings.held().manual; }

  Parameters parameters;
  ModeSettings modes;
  Settings settings;
};

/// A flash with number 42 and relays 0b0101.
Flash written_flash() {
  Flash flash;
  Store store(flash);
  store.settings.set_node_number(0, 42);
  store.set_manual(0, 0b0101);
  store.settings.tick(2 * kSecond);
  flash.writes = 0;
  return flash;
}

}  // namespace

TEST_CASE("Nothing stored is nothing known, and no reset") {
  Flash flash;
  Store store(flash);
  CHECK_FALSE(store.settings.node_number());
  CHECK_FALSE(store.manual());
  CHECK_FALSE(store.settings.were_reset());
  store.settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("What was stored comes back after a restart, and is not written again") {
  auto flash = written_flash();
  CHECK(flash.records.size() == 2);
  Store store(flash);
  CHECK(store.settings.node_number() == 42);
  CHECK(store.manual() == ManualRelays{.closed = 0b0101});
  CHECK_FALSE(store.settings.were_reset());
  store.settings.set_node_number(0, 42);
  store.settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("Written 2 s after the last change, 10 s after the first at the latest") {
  auto flash = written_flash();
  Store store(flash);
  store.set_manual(0, 1);
  store.settings.tick(2 * kSecond - 1);
  CHECK(flash.writes == 0);
  store.settings.tick(2 * kSecond);
  CHECK(flash.writes == 1);

  const Micros start = 100 * kSecond;
  Micros written_at = 0;
  for (Micros now = start; written_at == 0 && now < start + 30 * kSecond; now += kSecond) {
    store.set_manual(now, static_cast<std::uint8_t>(now / kSecond % 2 + 2));
    store.settings.tick(now);
    if (flash.writes == 2) written_at = now;
  }
  CHECK(written_at == start + 10 * kSecond);
}

TEST_CASE("Changed and changed back is not written") {
  auto flash = written_flash();
  Store store(flash);
  store.set_manual(0, 1);
  store.set_manual(kSecond, 0b0101);
  store.settings.tick(100 * kSecond);
  CHECK(flash.writes == 0);
}

TEST_CASE("Any damaged bit is found, that setting falls back alone, and is reported until a setting is accepted") {
  const auto whole = written_flash();
  const auto size = whole.records.at(kRelaysKey).size();
  for (std::size_t bit = 0; bit < 8 * size; ++bit) {
    auto flash = whole;
    flash.records[kRelaysKey][bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    Store store(flash);
    REQUIRE_FALSE(store.manual());
    REQUIRE(store.settings.node_number() == 42);
    REQUIRE(store.settings.were_reset());
    store.settings.on_setting_accepted(0);
    REQUIRE_FALSE(store.settings.were_reset());
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
    other.flush(0, flash);
    flash.records[kNodeKey] = flash.records[99];
  }
  SECTION("of another version") {
    StoredRecord<1> newer(kNodeKey, 2);
    newer.set(0, {7});
    newer.flush(0, flash);
  }
  Store store(flash);
  CHECK_FALSE(store.settings.node_number());
  CHECK(store.manual());
}

TEST_CASE("A failed write is reported and tried again every minute until it succeeds") {
  auto flash = written_flash();
  Store store(flash);
  flash.is_broken = true;
  store.settings.set_node_number(0, 43);
  for (Micros now = 0; now < 121 * kSecond; now += kSecond) store.settings.tick(now);
  CHECK(flash.writes == 2);  // after 2 s and 62 s
  CHECK(store.settings.has_storage_failed());
  flash.is_broken = false;
  store.settings.tick(122 * kSecond);
  CHECK(flash.writes == 3);
  CHECK_FALSE(store.settings.has_storage_failed());
}

TEST_CASE("R4: modes, windows, parameters and what control holds come back, each from a record of its own") {
  Flash flash;
  const HeldState held{
      .manual = ManualRelays{.closed = 0b0110},
      .positions = RelayPositions{.closed = 0b0010, .eco_shed = 0b0100, .self_consumption_closed = false},
      .latch = ImportLatch{.is_exhausted = true, .import_day = 20778, .import_10wh = 1003}};
  {
    Store store(flash);
    store.modes.modes = 0b10011;
    store.modes.windows[7] = Window{1380, 360, 0x1F};
    REQUIRE(store.parameters.set(Parameter::kEcoLimit, 2222));
    REQUIRE(store.parameters.set(Parameter::kCtGainGrid, 987654));
    store.settings.on_setting_accepted(0);
    store.settings.set_held(0, held);
    store.settings.tick(2 * kSecond);
  }
  CHECK(flash.writes == 7);
  Store store(flash);
  CHECK(store.modes.modes == 0b10011);
  CHECK(store.modes.windows[7] == Window{1380, 360, 0x1F});
  CHECK_FALSE(store.modes.windows[0]);
  CHECK(store.parameters.get(Parameter::kEcoLimit) == 2222);
  CHECK(store.parameters.get(Parameter::kCtGainGrid) == 987654);
  CHECK(store.settings.held() == held);
  CHECK_FALSE(store.settings.were_reset());
}

TEST_CASE("R4: each damaged record falls back alone, and is replaced when a setting is accepted") {
  Flash whole;
  {
    Store store(whole);
    store.modes.modes = 0b00011;
    store.modes.windows[0] = Window{60, 120, 0x7F};
    store.modes.windows[1] = Window{180, 240, 0x7F};
    REQUIRE(store.parameters.set(Parameter::kEcoLimit, 2222));
    REQUIRE(store.parameters.set(Parameter::kEcoStepTime, 8));
    store.settings.on_setting_accepted(0);
    store.settings.flush(0);
  }
  REQUIRE(whole.records.size() == 5);
  for (const auto& [damaged, bytes] : whole.records) {
    auto flash = whole;
    flash.records[damaged][1] ^= 0x04U;
    Store store(flash);
    CHECK(store.settings.were_reset());
    const int intact = (store.modes.modes == 0b00011 ? 1 : 0) + (store.modes.windows[0] ? 1 : 0) +
                       (store.modes.windows[1] ? 1 : 0) + (store.parameters.get(Parameter::kEcoLimit) == 2222 ? 1 : 0) +
                       (store.parameters.get(Parameter::kEcoStepTime) == 8 ? 1 : 0);
    CHECK(intact == 4);
    store.settings.on_setting_accepted(0);
    store.settings.flush(0);
    CHECK_FALSE(Store(flash).settings.were_reset());
  }
}

TEST_CASE("R4: what a newer or older firmware stored and this one cannot mean falls back") {
  Flash flash;
  const auto store_value = [&](Parameter parameter, std::int32_t value) {
    StoredRecord<4> record(static_cast<std::uint8_t>(32 + static_cast<int>(parameter)), 1);
    record.set(0, record_content::of_value(value));
    record.flush(0, flash);
  };
  store_value(Parameter::kEcoStepTime, 8);
  SECTION("out of range") { store_value(Parameter::kEcoLimit, 50); }
  SECTION("in the wrong order") {
    store_value(Parameter::kSocGridConnect, 700);
    store_value(Parameter::kSocGridDisconnect, 600);
  }
  SECTION("a window that cannot be") {
    StoredRecord<5> record(16, 1);
    record.set(0, {10, 0, 10, 0, 1});
    record.flush(0, flash);
  }
  Store store(flash);
  CHECK(store.settings.were_reset());
  CHECK(store.parameters.get(Parameter::kEcoLimit) == 3000);
  CHECK(store.parameters.get(Parameter::kSocGridConnect) == 100);
  CHECK(store.parameters.get(Parameter::kSocGridDisconnect) == 500);
  CHECK_FALSE(store.modes.windows[0]);
  CHECK(store.parameters.get(Parameter::kEcoStepTime) == 8);
}

TEST_CASE("R4: a record is there only for what differs from its default, or once did") {
  Flash flash;
  Store store(flash);
  store.settings.on_setting_accepted(0);
  store.settings.set_held(
      0, {.manual = ManualRelays{.closed = 0x0F}, .positions = RelayPositions{.closed = 0x0F}, .latch = ImportLatch{}});
  store.settings.flush(0);
  CHECK(flash.writes == 0);
  store.set_manual(0, 0);  // all open is not "nothing stored"
  store.settings.flush(0);
  CHECK(flash.writes == 1);
  CHECK(Store(flash).manual() == ManualRelays{.closed = 0});
  store.set_manual(0, 0x0F);
  store.settings.flush(0);
  CHECK(flash.writes == 2);
  CHECK(Store(flash).manual() == ManualRelays{.closed = 0x0F});
}

TEST_CASE("A factory reset leaves the calibration") {
  Parameters parameters;
  REQUIRE(parameters.set(Parameter::kCtGainLoad2, 1'100'000));
  REQUIRE(parameters.set(Parameter::kEcoLimit, 500));
  parameters.reset();
  CHECK(parameters.get(Parameter::kCtGainLoad2) == 1'100'000);
  CHECK(parameters.get(Parameter::kEcoLimit) == 3000);
}

TEST_CASE("The CRC is the one of IEEE 802.3") {
  // Check value of CRC-32/ISO-HDLC: "123456789" gives 0xCBF43926; the key stands for the first character.
  const std::array<std::uint8_t, 8> rest{'2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(record_crc('1', rest) == 0xCBF43926);
}

}  // namespace alfaspark::control_test
