#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "alfaspark/bus/node_claim.hpp"
#include "alfaspark/settings/settings.hpp"
#include "catch.hpp"
#include "simulator/pack/flash.hpp"
#include "simulator/simulation.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

namespace {

namespace fs = std::filesystem;

/// Everything that is on the bus, with its time.
class Recorder final : public Station {
 public:
  explicit Recorder(Simulation& simulation) : simulation_(simulation) { simulation.site().bus.attach(*this, 0); }
  ~Recorder() override { simulation_.site().bus.detach(*this); }

  struct Entry {
    Micros time;
    std::uint32_t id;
    std::array<std::uint8_t, 8> data;
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> entries;

 private:
  void on_frame(const BusFrame& frame) override {
    entries.push_back({simulation_.now(), frame.can.id, frame.can.data});
  }
  void on_transmitted(bool /*sent*/) override {}
  void on_bus_off() override {}
  void on_recovered() override {}

  Simulation& simulation_;
};

SimulationOptions options(std::size_t packs, std::uint64_t seed = 1) {
  SimulationOptions out;
  out.packs = packs;
  out.seed = seed;
  out.hardware_seed = seed;
  out.start = LocalTime::parse("2026-06-01T12:00:00+01:00");
  return out;
}

std::vector<Recorder::Entry> record(const SimulationOptions& with, Micros duration) {
  Simulation simulation(with);
  Recorder recorder(simulation);
  simulation.site().bus.quality().corrupt = 0.05;
  simulation.start();
  simulation.run_until(duration);
  return recorder.entries;
}

struct TemporaryDirectory {
  fs::path path = fs::temp_directory_path() / "alfaspark-flash-test";
  TemporaryDirectory() { fs::remove_all(path); }
  ~TemporaryDirectory() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("a seed gives the same run, another one another") {
  const auto first = record(options(3), 20 * kSecond);
  CHECK(first.size() > 100);
  CHECK(first == record(options(3), 20 * kSecond));
  CHECK(first != record(options(3, 2), 20 * kSecond));
}

TEST_CASE("what the packs measure is what the plant does") {
  Simulation simulation(options(2));
  simulation.start();
  simulation.run_until(10 * kSecond);
  for (const bool coarse : {false, true}) {
    simulation.set_coarse_sampling(coarse);
    for (const double home_w : {120.0, 1500.0, 6000.0}) {
      for (const auto& pack : simulation.packs()) {
        pack->change_house([&](House& house) {
          house.fixed() = {.irradiance = 0.3, .home_w = home_w, .load1_w = 900.0, .load2_w = 2000.0};
          house.battery().set_soc_pct(50.0);
        });
      }
      simulation.run_until(simulation.now() + 8 * kSecond);
      for (const auto& pack : simulation.packs()) {
        const Flows& flows = pack->house().flows();
        const Powers& powers = pack->firmware()->readings().powers;
        CAPTURE(coarse, home_w);
        CHECK(powers.inverter_w.value() == Approx(flows.inverter_w).epsilon(0.005).margin(5.0));
        CHECK(powers.load1_w.value() == Approx(flows.load1_w).epsilon(0.005));
        CHECK(powers.load2_w.value() == Approx(flows.load2_w).epsilon(0.005));
        CHECK(powers.grid_w.value() == Approx(flows.grid_w).epsilon(0.005).margin(5.0));
        CHECK(powers.home_w.value() == Approx(flows.home_w).epsilon(0.005));
        CHECK(powers.battery_w.value() == Approx(flows.battery_w).epsilon(0.005).margin(5.0));
        CHECK(powers.solar_w.value() == Approx(flows.solar_w).epsilon(0.02).margin(20.0));
        CHECK(pack->firmware()->readings().battery.soc_pct.value() ==
              Approx(pack->house().battery().soc_pct()).margin(0.4));
      }
    }
  }
}

TEST_CASE("what the packs count is what the plant carried") {
  Simulation simulation(options(1));
  simulation.set_coarse_sampling(true);
  simulation.start();
  simulation.run_until(3600 * kSecond);
  simulation.refresh_houses();
  const auto& counted = simulation.packs()[0]->firmware()->readings().energies_wh;
  const Energies& carried = simulation.packs()[0]->house().energies();
  CHECK(counted[1] == Approx(carried.home_wh).epsilon(0.01));
  CHECK(counted[2] == Approx(carried.solar_wh).epsilon(0.02));
  CHECK(counted[3] == Approx(carried.battery_charged_wh).epsilon(0.02).margin(5.0));
}

TEST_CASE("serials look like those of one batch of chips") {
  Simulation simulation(options(5));
  std::set<std::uint64_t> serials;
  for (const auto& pack : simulation.packs()) {
    serials.insert(pack->identity().serial);
    CHECK(format_serial(pack->identity().serial).substr(0, 6) == "a0b765");
    CHECK(pack->identity().serial % 4 == 0);
  }
  CHECK(serials.size() == 5);
  CHECK(format_serial(0xA0B1C2D3E4F5) == "a0b1c2d3e4f5");
  CHECK(format_serial(0x1) == "000000000001");
}

TEST_CASE("packs that all want one number get different ones") {
  auto equal = options(6);
  equal.equal_numbers = true;
  Simulation simulation(equal);
  for (const auto& pack : simulation.packs()) {
    Parameters parameters;
    ModeSettings modes;
    Settings settings(pack->flash(), parameters, modes);
    settings.load();
    CHECK(settings.node_number() == NodeClaim::hashed_number(simulation.packs()[0]->identity().serial));
    CHECK(pack->flash().writes() == 0);
  }
  simulation.start();
  simulation.run_until(20 * kSecond);
  std::set<int> nodes;
  for (const auto& pack : simulation.packs()) nodes.insert(pack->firmware()->node());
  CHECK(nodes.size() == 6);
  CHECK(nodes.count(0) == 0);
}

TEST_CASE("a gateway is a device without a house") {
  auto with = options(2);
  with.gateways = 1;
  Simulation simulation(with);
  Recorder recorder(simulation);
  simulation.start();
  simulation.run_until(30 * kSecond);
  REQUIRE(simulation.packs().size() == 3);
  const auto& gateway = *simulation.packs()[2];
  CHECK(gateway.identity().device_type == frames::DeviceType::kEnergyGateway);
  CHECK(gateway.firmware()->is_master());
  CHECK(gateway.house().energies().home_wh == 0.0);
  const std::uint32_t battery_id = 0x100U | gateway.firmware()->node();
  for (const auto& entry : recorder.entries) REQUIRE(entry.id != battery_id);
}

TEST_CASE("flash keeps its records between runs, each whole") {
  const TemporaryDirectory directory;
  const std::array<std::uint8_t, 3> record = {1, 2, 3};
  std::array<std::uint8_t, 8> out{};
  {
    Flash flash(directory.path / "a");
    CHECK(flash.read(7, out) == 0);
    CHECK(flash.write(7, record));
    CHECK(flash.write(255, std::span(record).first(1)));
    CHECK_FALSE(flash.write(8, std::vector<std::uint8_t>(Flash::kLongestRecord + 1)));
    CHECK(flash.writes() == 2);
    CHECK(flash.read(7, std::span(out).first(2)) == 0);  // does not fit
  }
  Flash flash(directory.path / "a");
  CHECK(flash.read(7, out) == 3);
  CHECK(std::equal(record.begin(), record.end(), out.begin()));
  CHECK(flash.read(255, out) == 1);
  CHECK(flash.writes() == 0);
  flash.corrupt();
  CHECK(Flash(directory.path / "a").read(7, out) == 3);
  CHECK_FALSE(std::equal(record.begin(), record.end(), out.begin()));
  flash.erase();
  CHECK(Flash(directory.path / "a").read(7, out) == 0);
  fs::remove_all(directory.path);
  std::ofstream(directory.path) << "a file";
  CHECK_THROWS_AS(Flash(directory.path / "a"), std::runtime_error);
}

TEST_CASE("a pack finds its number again over two runs with one storage") {
  const TemporaryDirectory directory;
  auto with = options(2);
  with.storage = directory.path;
  with.equal_numbers = true;
  std::vector<int> nodes;
  {
    Simulation simulation(with);
    simulation.start();
    simulation.run_until(40 * kSecond);
    for (const auto& pack : simulation.packs()) nodes.push_back(pack->firmware()->node());
  }
  with.equal_numbers = false;
  Simulation simulation(with);
  simulation.start();
  simulation.run_until(2 * kSecond);
  for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(simulation.packs()[i]->firmware()->node() == nodes[i]);
}
