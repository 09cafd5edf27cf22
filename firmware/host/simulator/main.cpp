#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "simulator/bms/external_bms.hpp"
#include "simulator/control/json.hpp"
#include "simulator/control/scenario.hpp"
#include "simulator/control/server.hpp"
#include "simulator/event_loop.hpp"
#include "simulator/options.hpp"
#include "simulator/simulation.hpp"
#include "simulator/slcan/server.hpp"

namespace alfaspark::sim {
namespace {

/// How often a storage directory has been used before, and one more from now on. Chips draw new random numbers (a boot
/// id, for one) in every run over the same flash, also with a given seed.
std::uint64_t count_run(const std::filesystem::path& storage) {
  std::filesystem::create_directories(storage);
  const auto file = storage / "runs";
  std::uint64_t runs = 0;
  std::ifstream(file) >> runs;
  std::ofstream out(file, std::ios::trunc);
  out << runs + 1 << '\n';
  if (!out.flush()) throw std::runtime_error("--storage: " + file.string() + " cannot be written");
  return runs;
}

std::uint64_t hardware_seed(const Options& options) {
  if (!options.seed) {
    std::random_device entropy;
    return (static_cast<std::uint64_t>(entropy()) << 32U) | entropy();
  }
  const std::uint64_t run = options.storage ? count_run(*options.storage) : 0;
  return Random::derived(*options.seed, 0x4A2D, run).next();
}

SimulationOptions simulation_options(const Options& options, BmsLine* external_bms) {
  SimulationOptions out;
  out.packs = options.packs;
  out.gateways = options.gateways;
  out.seed = options.seed.value_or(1);
  out.hardware_seed = hardware_seed(options);
  out.start = options.start ? *options.start : LocalTime::of_this_machine();
  out.serials = options.serials;
  out.equal_numbers = options.equal_numbers;
  out.storage = options.storage;
  out.external_bms = external_bms;
  return out;
}

void say_ready(const Options& options, const Simulation& simulation, const SlcanServer& slcan,
               const ControlServer& control) {
  Json::Array packs;
  for (const auto& pack : simulation.packs()) {
    packs.emplace_back(Json::Object{{"serial", format_serial(pack->identity().serial)}});
  }
  const Json ready = Json::Object{{"slcan", "socket://" + slcan.address()},
                                  {"pty", options.pty ? Json(*options.pty) : Json(nullptr)},
                                  {"control", control.address()},
                                  {"packs", std::move(packs)}};
  std::printf("%s\n", ready.write().c_str());
  std::fflush(stdout);
}

void simulate(const Options& options) {
  const auto external_bms = options.bms ? std::make_unique<ExternalBms>(*options.bms) : nullptr;
  Simulation simulation(simulation_options(options, external_bms.get()));
  SlcanServer slcan(options.slcan, options.pty, simulation.site().bus, simulation.site().timeline);
  ControlServer control(options.control, simulation);
  EventLoop loop(simulation, slcan, control, external_bms.get(), options.speed);
  if (options.scenario) schedule_scenario(*options.scenario, simulation);
  simulation.start();
  simulation.run_until(0);
  loop.run([&] { say_ready(options, simulation, slcan, control); });
}

}  // namespace
}  // namespace alfaspark::sim

int main(int argc, char** argv) {
  using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace): the program is this namespace's
  try {
    const Options options = parse_options(std::vector<std::string>(argv + 1, argv + argc));
    if (options.help) {
      std::fputs(usage(), stdout);
      return 0;
    }
    simulate(options);
    return 0;
  } catch (const std::invalid_argument& problem) {
    std::fprintf(stderr, "alfaspark-sim: %s; see --help\n", problem.what());
    return 2;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "alfaspark-sim: %s\n", problem.what());
    return 1;
  }
}
