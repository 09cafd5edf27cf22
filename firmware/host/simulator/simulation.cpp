#include "simulator/simulation.hpp"

#include <array>
#include <cstdio>

#include "alfaspark/bus/node_claim.hpp"

namespace alfaspark::sim {
namespace {

enum Purpose : std::uint64_t { kSerials = 0x51A0 };

/// One of Espressif's ranges, and a batch in which every chip takes four addresses.
std::vector<std::uint64_t> serials_of_a_batch(std::uint64_t seed, std::size_t count) {
  constexpr std::uint64_t kEspressif = 0xA0B765000000;
  constexpr std::uint64_t kLow = 0xFFFFFF;
  const std::uint64_t first = Random::derived(seed, kSerials).next() & kLow & ~std::uint64_t{3};
  std::vector<std::uint64_t> serials;
  serials.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) serials.push_back(kEspressif | ((first + 4 * i) & kLow));
  return serials;
}

}  // namespace

std::string format_serial(std::uint64_t serial) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%012llx", static_cast<unsigned long long>(serial));
  return text.data();
}

Simulation::Simulation(const SimulationOptions& options) : site_(options.seed, options.hardware_seed, options.start) {
  const std::size_t count = options.packs + options.gateways;
  const auto serials = options.serials.empty() ? serials_of_a_batch(options.seed, count) : options.serials;
  for (std::size_t index = 0; index < count; ++index) {
    PackOptions pack;
    pack.index = index;
    pack.identity = {
        .serial = serials.at(index),
        .device_type = index < options.packs ? frames::DeviceType::kEnergyPack : frames::DeviceType::kEnergyGateway,
        .firmware = version_of(ALFASPARK_FIRMWARE_VERSION).value()};
    if (options.storage) pack.storage = *options.storage / format_serial(pack.identity.serial);
    if (options.equal_numbers) pack.stored_number = NodeClaim::hashed_number(serials.front());
    if (index == 0) pack.external_bms = options.external_bms;
    packs_.push_back(std::make_unique<SimulatedPack>(site_, pack));
  }
}

void Simulation::start() {
  site_.timeline.at(0, [this] {
    for (const auto& pack : packs_) pack->start();
  });
  schedule_grid_pulse();
}

void Simulation::schedule_grid_pulse() {
  const Micros next = site_.grid.next_zero_crossing(now());
  site_.timeline.at(next, [this, change = frequency_change_] {
    if (change != frequency_change_) return;
    if (site_.grid_alive) {
      for (const auto& pack : packs_) pack->on_grid_pulse();
    }
    schedule_grid_pulse();
  });
}

void Simulation::set_grid_alive(bool alive) {
  site_.grid_alive = alive;
  refresh_houses();
}

void Simulation::set_grid_frequency(double frequency_hz) {
  site_.grid.set_frequency(now(), frequency_hz);
  ++frequency_change_;
  schedule_grid_pulse();
}

void Simulation::set_local_time(const LocalTime& time) {
  site_.set_local_time(time);
  refresh_houses();
}

void Simulation::refresh_houses() {
  for (const auto& pack : packs_) pack->refresh_house();
}

}  // namespace alfaspark::sim
