#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "simulator/control/request.hpp"
#include "simulator/control/scenario.hpp"
#include "simulator/control/truth.hpp"
#include "simulator/control/value.hpp"
#include "simulator/simulation.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

struct Desk {
  Simulation simulation{[] {
    SimulationOptions options;
    options.packs = 2;
    options.start = LocalTime::parse("2026-06-01T12:00:00+01:00");
    return options;
  }()};

  Desk() {
    simulation.start();
    simulation.run_until(0);
  }
  void say(const std::string& line) {
    for (const auto& effect : parse_request(Json::parse(line), simulation).effects) effect();
  }
  void pass_s(double seconds) { simulation.run_until(simulation.now() + static_cast<Micros>(seconds * 1e6)); }
  SimulatedPack& pack(std::size_t index) { return *simulation.packs().at(index); }
  std::string complaint(const std::string& line) {
    try {
      parse_request(Json::parse(line), simulation);
    } catch (const std::invalid_argument& problem) {
      return problem.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE("plant values are fixed for one pack or all, and given back") {
  Desk desk;
  desk.say(R"({"irradiance": 0, "home_w": 800, "load1_w": 0, "load2_w": 0, "soc": 60})");
  desk.say(R"({"pack": 1, "home_w": 1500, "load1_w": 900, "load2_w": 2000})");
  desk.pass_s(5);
  CHECK(desk.pack(0).house().flows().home_w == Approx(800));
  CHECK(desk.pack(1).house().flows().home_w == Approx(4400));
  CHECK(desk.pack(1).house().flows().load2_w == Approx(2000));
  CHECK(desk.pack(0).house().flows().solar_w == 0.0);
  CHECK(desk.pack(0).house().battery().soc_pct() == Approx(60.0).margin(0.02));
  desk.say(R"({"irradiance": 0.5})");
  CHECK(desk.pack(1).house().flows().solar_w == Approx(2500));
  desk.say(R"({"irradiance": null, "home_w": null, "load1_w": null, "load2_w": null})");
  CHECK_FALSE(desk.pack(1).house().fixed().irradiance);
  CHECK_FALSE(desk.pack(0).house().fixed().home_w);
  CHECK(desk.pack(1).house().flows().solar_w != Approx(2500));
}

TEST_CASE("the grid fails, returns and drifts") {
  Desk desk;
  desk.say(R"({"irradiance": 0, "home_w": 500, "load1_w": 0, "load2_w": 0, "soc": 50})");
  CHECK(desk.pack(0).house().flows().grid_w == Approx(1000));  // 500 W of them for the battery
  desk.say(R"({"grid": false})");
  CHECK(desk.pack(0).house().flows().grid_w == 0.0);
  CHECK(desk.pack(0).house().flows().battery_w == Approx(-500));
  desk.pass_s(3);
  CHECK(desk.pack(0).firmware()->readings().grid == frames::GridState::kAbsent);
  desk.say(R"({"grid": true, "frequency_hz": 49.8})");
  desk.pass_s(5);
  CHECK(desk.pack(0).firmware()->readings().grid == frames::GridState::kPresent);
  CHECK(desk.pack(0).firmware()->readings().grid_frequency_hz.value() == Approx(49.8).margin(0.01));
  desk.say(R"({"frequency_hz": null})");
  CHECK(desk.simulation.site().grid.frequency_hz() == 50.0);
}

TEST_CASE("the BMS can be told what to read and how to fail") {
  Desk desk;
  desk.say(R"({"pack": 0, "battery_v": 51.2, "battery_a": -3.5})");
  desk.pass_s(5);
  const auto& battery = desk.pack(0).firmware()->readings().battery;
  CHECK(battery.voltage_v.value() == Approx(51.2));
  CHECK(battery.current_a.value() == Approx(-3.5));
  desk.say(R"({"pack": 0, "bms": "silent"})");
  desk.pass_s(15);
  CHECK_FALSE(battery.online);
  desk.say(R"({"pack": 0, "bms": "ok", "battery_v": null, "battery_a": null})");
  desk.pass_s(15);
  CHECK(battery.online);
  CHECK(battery.voltage_v.value() == Approx(desk.pack(0).house().battery().voltage_v()).margin(0.06));
  for (const char* behaviour : {"crc", "exception", "garbage"}) {
    desk.say(std::string(R"({"bms": ")") + behaviour + "\"}");
    desk.pass_s(15);
    CHECK_FALSE(battery.online);
    desk.say(R"({"bms": "ok"})");
    desk.pass_s(15);
    CHECK(battery.online);
  }
}

TEST_CASE("power cuts, restarts and flash") {
  Desk desk;
  desk.say(R"({"irradiance": 0, "home_w": 500, "load1_w": 100, "load2_w": 100})");
  desk.pass_s(30);
  const int node = desk.pack(0).firmware()->node();
  const auto boot = desk.pack(0).firmware()->boot_id();
  CHECK(node != 0);
  CHECK(desk.pack(0).flash().writes() > 0);
  const auto edges = desk.pack(0).relays().edges();

  desk.say(R"({"pack": 0, "restart": "soft"})");
  desk.pass_s(5);
  CHECK(desk.pack(0).boots() == 2);
  CHECK(desk.pack(0).firmware()->boot_id() != boot);
  CHECK(desk.pack(0).relays().edges() == edges);

  desk.say(R"({"pack": 0, "power": false})");
  CHECK(desk.pack(0).firmware() == nullptr);
  CHECK(desk.pack(0).relays().contacts() == RelayBoard::kWithoutSupply);
  CHECK(desk.pack(0).house().flows().inverter_w == Approx(500));
  CHECK(desk.pack(0).relays().edges() == edges);
  CHECK(desk.pack(0).indication() == Indication{});
  desk.say(R"({"pack": 0, "power": false, "restart": "soft", "bus_off": true, "button": 1})");
  desk.pass_s(5);
  CHECK(desk.pack(0).firmware() == nullptr);
  desk.say(R"({"pack": 0, "power": true})");
  desk.pass_s(5);
  CHECK(desk.pack(0).boots() == 3);
  CHECK(desk.pack(0).firmware()->node() == node);

  desk.say(R"({"pack": 0, "storage": "corrupt", "restart": "soft"})");
  desk.pass_s(5);
  const Json answer = truth(desk.simulation);
  CHECK(desk.pack(0).indication().yellow);  // settings reset
  desk.say(R"({"pack": 0, "storage": "erase"})");
  std::array<std::uint8_t, 64> record{};
  for (int key = 0; key < 256; ++key) REQUIRE(desk.pack(0).flash().read(static_cast<std::uint8_t>(key), record) == 0);
}

TEST_CASE("a watchdog restart moves no contact, a brown-out lets all fall back") {
  Desk desk;
  desk.pass_s(5);
  auto& pack = desk.pack(0);
  desk.say(R"({"pack": 0, "restart": "watchdog"})");
  CHECK(pack.boots() == 2);
  CHECK(pack.relays().kept_positions());
  desk.pass_s(1);
  CHECK(pack.indication().red);
  desk.say(R"({"pack": 0, "restart": "soft"})");
  desk.pass_s(1);
  CHECK_FALSE(pack.indication().red);
  desk.say(R"({"pack": 0, "restart": "brownout"})");
  CHECK(pack.boots() == 4);
  CHECK_FALSE(pack.relays().kept_positions());
  desk.pass_s(1);
  CHECK(pack.indication().red);
}

TEST_CASE("CTs and relays fail") {
  Desk desk;
  desk.say(R"({"irradiance": 0, "home_w": 2200, "load1_w": 660, "load2_w": 0})");
  desk.pass_s(5);
  const Readings& readings = desk.pack(0).firmware()->readings();
  CHECK(readings.currents_a[1].value() == Approx(10.0).epsilon(0.005));
  CHECK(readings.currents_a[2].value() == Approx(3.0).epsilon(0.005));
  CHECK_FALSE(readings.clipped[1]);
  desk.say(R"({"pack": 0, "ct": {"channel": 1, "state": "clip"}})");
  desk.pass_s(3);
  CHECK(readings.clipped[1]);
  desk.say(R"({"pack": 0, "ct": {"channel": 1, "state": "open"}})");
  desk.pass_s(10);
  CHECK(readings.currents_a[1].value() == 0.0F);
  CHECK_FALSE(readings.clipped[1]);
  CHECK(desk.pack(0).house().flows().inverter_w == Approx(2200));
  desk.say(R"({"pack": 0, "ct": {"channel": 1, "state": "ok"}})");
}

TEST_CASE("A welded relay stays closed, and the controller cannot see it") {
  RelayBoard board([] {}, [] {});
  board.weld(2, true);
  board.set(2, false);
  CHECK(board.contacts()[2]);
  CHECK_FALSE(board.is_closed(2));
  CHECK(board.edges()[2] == 0);
  board.weld(2, false);
  CHECK_FALSE(board.contacts()[2]);
  CHECK(board.edges()[2] == 1);
}

TEST_CASE("Without supply every contact is closed; a restart of the firmware moves none") {
  RelayBoard board([] {}, [] {});
  CHECK_FALSE(board.kept_positions());
  board.set(0, false);
  board.keep();
  CHECK(board.kept_positions());
  CHECK_FALSE(board.contacts()[0]);
  board.cut_supply();
  CHECK_FALSE(board.kept_positions());
  CHECK(board.contacts() == RelayBoard::kWithoutSupply);
}

TEST_CASE("pulses reach the meter inputs") {
  Desk desk;
  desk.pass_s(1);
  desk.say(R"({"pulse": {"pack": 1, "channel": 0, "count": 10, "interval_ms": 360}})");
  desk.say(R"({"pulse": {"pack": 1, "channel": 1, "count": 5, "interval_ms": 40}})");  // 20 ms on: no meter does that
  desk.pass_s(10);
  const Readings& readings = desk.pack(1).firmware()->readings();
  CHECK(readings.pulses[0].count == 10);
  CHECK(readings.pulses[0].interval_ms.value() == Approx(360.0).margin(0.1));
  CHECK(readings.pulses[1].count == 0);
  CHECK(desk.pack(0).firmware()->readings().pulses[0].count == 0);
}

TEST_CASE("the bus and its pieces") {
  Desk desk;
  desk.pass_s(15);
  desk.say(R"({"bus": {"drop": 0.25, "corrupt": 0.01}})");
  CHECK(desk.simulation.site().bus.quality().drop == 0.25);
  desk.say(R"({"bus": {"corrupt": null}})");
  CHECK(desk.simulation.site().bus.quality().drop == 0.25);
  CHECK(desk.simulation.site().bus.quality().corrupt == 0.0);
  desk.say(R"({"bus": {"drop": 0}, "pack": 0, "segment": 1})");
  desk.pass_s(150);
  CHECK(desk.pack(0).firmware()->is_master());
  CHECK(desk.pack(1).firmware()->is_master());
  desk.say(R"({"pack": 0, "segment": 0})");
  desk.pass_s(30);
  CHECK(desk.pack(0).firmware()->is_master() != desk.pack(1).firmware()->is_master());
  desk.say(R"({"pack": 0, "bus_off": true})");
  desk.pass_s(0.001);
  CHECK(desk.pack(0).firmware()->node() == 0);
  desk.pass_s(30);
  CHECK(desk.pack(0).firmware()->node() != 0);
}

TEST_CASE("a line is refused as a whole, with the reason") {
  Desk desk;
  desk.say(R"({"home_w": 700})");
  const auto before = desk.simulation.site().grid_alive;
  CHECK(desk.complaint(R"({"home_w": 100, "grid": false, "soc": 101})") == "\"soc\" takes a number 0 to 100, or null");
  CHECK(desk.pack(0).house().fixed().home_w == 700.0);
  CHECK(desk.simulation.site().grid_alive == before);
  CHECK(desk.complaint(R"({"colour": 1})") == "there is no \"colour\"");
  CHECK(desk.complaint(R"({"pack": 2, "soc": 1})") == "\"pack\" takes a whole number 0 to 1");
  CHECK(desk.complaint(R"({"bms": "loud"})") == R"("bms" takes one of "ok", "silent", "crc", "exception", "garbage")");
  for (const char* line : {R"([])",
                           R"(1)",
                           R"("grid")",
                           R"(null)",
                           R"({"pack": -1})",
                           R"({"pack": 0.5})",
                           R"({"pack": "0"})",
                           R"({"grid": 1})",
                           R"({"frequency_hz": 5})",
                           R"({"irradiance": 1.1})",
                           R"({"home_w": -1})",
                           R"({"load1_w": "9"})",
                           R"({"load2_w": 1e9})",
                           R"({"soc": true})",
                           R"({"battery_v": true})",
                           R"({"battery_a": 400})",
                           R"({"power": null})",
                           R"({"restart": "hard"})",
                           R"({"storage": "eat"})",
                           R"({"button": 0})",
                           R"({"ct": 1})",
                           R"({"ct": {"channel": 4, "state": "ok"}})",
                           R"({"ct": {"channel": 1}})",
                           R"({"ct": {"channel": 1, "state": "ok", "x": 1}})",
                           R"({"bus": {"drop": 2}})",
                           R"({"bus": {"x": 0}})",
                           R"({"segment": 16})",
                           R"({"bus_off": 1})",
                           R"({"pulse": {"channel": 2}})",
                           R"({"pulse": {"count": 1.5}})",
                           R"({"pulse": {"interval_ms": 0}})",
                           R"({"pulse": {"pack": 9}})",
                           R"({"advance_s": -1})",
                           R"({"advance_s": 1e12})",
                           R"({"local_time": "now"})",
                           R"({"get": "lies"})"}) {
    CAPTURE(line);
    CHECK_FALSE(desk.complaint(line).empty());
  }
}

TEST_CASE("virtual time can be set, the packs do not notice") {
  Desk desk;
  desk.pass_s(1);
  desk.say(R"({"local_time": "2026-03-29T04:59:50+01:00"})");
  CHECK(desk.simulation.site().local_time().format() == "2026-03-29T04:59:50.000+01:00");
  desk.pass_s(20);
  CHECK(desk.simulation.site().local_time().format() == "2026-03-29T05:00:10.000+01:00");
  CHECK(desk.pack(0).boots() == 1);
}

TEST_CASE("the truth has its shape") {
  Desk desk;
  desk.pass_s(5);
  const Json answer = Json::parse(truth(desk.simulation).write());
  const auto& members = *answer.as_object();
  CHECK(*find_member(members, "ok")->as_bool());
  CHECK(*find_member(members, "time")->as_string() == "2026-06-01T12:00:05.000+01:00");
  CHECK(*find_member(members, "grid")->as_bool());
  CHECK(*find_member(members, "frequency_hz")->as_number() == 50.0);
  const auto& packs = *find_member(members, "packs")->as_array();
  REQUIRE(packs.size() == 2);
  const auto& pack = *packs[0].as_object();
  CHECK(find_member(pack, "serial")->as_string()->size() == 12);
  CHECK(*find_member(pack, "node")->as_number() >= 1.0);
  for (const char* group : {"powers_w", "energies_wh"}) {
    const auto& values = *find_member(pack, group)->as_object();
    CHECK(values.size() == 7);
    for (const auto& value : values) CHECK(value.value.as_number() != nullptr);
  }
  for (const char* relay : {"grid", "inverter", "load1", "load2"}) {
    CHECK(*find_member(*find_member(pack, "relays")->as_object(), relay)->as_bool());
    CHECK(find_member(*find_member(pack, "relay_edges")->as_object(), relay)->as_number() != nullptr);
  }
  const auto& indicators = *find_member(pack, "indicators")->as_object();
  CHECK(find_member(indicators, "bar")->as_array()->size() == 10);
  CHECK(find_member(indicators, "display")->as_string()->size() == 3);
  CHECK(find_member(indicators, "green")->as_bool() != nullptr);
  desk.say(R"({"pack": 0, "power": false})");
  const Json dark = truth(desk.simulation);
  CHECK(find_member(*(*find_member(*dark.as_object(), "packs")->as_array())[0].as_object(), "node")->is_null());
}

TEST_CASE("a scenario happens at its times") {
  const auto file = std::filesystem::temp_directory_path() / "alfaspark-scenario-test.jsonl";
  const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
  Desk desk;
  write("{\"at_s\": 10, \"grid\": false}\n\n{\"at_s\": 2.5, \"pack\": 1, \"home_w\": 321}\n");
  schedule_scenario(file, desk.simulation);
  desk.pass_s(2);
  CHECK_FALSE(desk.pack(1).house().fixed().home_w);
  desk.pass_s(1);
  CHECK(desk.pack(1).house().fixed().home_w == 321.0);
  CHECK(desk.simulation.site().grid_alive);
  desk.pass_s(7);
  CHECK_FALSE(desk.simulation.site().grid_alive);
  for (const char* line : {"{\"grid\": false}", "{\"at_s\": -1}", "{\"at_s\": 1, \"advance_s\": 1}",
                           "{\"at_s\": 1, \"get\": \"truth\"}", "{\"at_s\": 1, \"x\": 1}", "nonsense", "[1]"}) {
    write(std::string("{\"at_s\": 1}\n") + line + "\n");
    CAPTURE(line);
    std::string complaint;
    try {
      schedule_scenario(file, desk.simulation);
    } catch (const std::runtime_error& problem) {
      complaint = problem.what();
    }
    CHECK(complaint.find("line 2") != std::string::npos);
  }
  std::filesystem::remove(file);
  CHECK_THROWS_AS(schedule_scenario(file, desk.simulation), std::runtime_error);
}
