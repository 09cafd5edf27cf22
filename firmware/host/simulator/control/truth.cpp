#include "simulator/control/truth.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

namespace alfaspark::sim {
namespace {

constexpr std::array<std::string_view, kCurrentChannels> kRelayNames = {"grid", "inverter", "load1", "load2"};

Json::Object powers_of(const Flows& flows) {
  return {{"grid", rounded(flows.grid_w, 3)},         {"home", rounded(flows.home_w, 3)},
          {"solar", rounded(flows.solar_w, 3)},       {"battery", rounded(flows.battery_w, 3)},
          {"inverter", rounded(flows.inverter_w, 3)}, {"load1", rounded(flows.load1_w, 3)},
          {"load2", rounded(flows.load2_w, 3)}};
}

Json::Object energies_of(const Energies& energies) {
  return {{"grid", rounded(energies.grid_wh, 4)},
          {"home", rounded(energies.home_wh, 4)},
          {"solar", rounded(energies.solar_wh, 4)},
          {"battery_charged", rounded(energies.battery_charged_wh, 4)},
          {"battery_discharged", rounded(energies.battery_discharged_wh, 4)},
          {"load1", rounded(energies.load1_wh, 4)},
          {"load2", rounded(energies.load2_wh, 4)}};
}

Json::Object indicators_of(const Indication& shown) {
  Json::Array bar;
  for (const Rgb& led : shown.bar) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "#%02x%02x%02x", led.red, led.green, led.blue);
    bar.emplace_back(text.data());
  }
  return {{"bar", std::move(bar)},
          {"display", std::string(shown.display.begin(), shown.display.end())},
          {"green", shown.green},
          {"yellow", shown.yellow},
          {"red", shown.red}};
}

/// What the firmware keeps; null where it does not run.
Json grid_losses_of(const Pack* firmware) {
  if (firmware == nullptr) return nullptr;
  const auto seconds = [](std::optional<std::uint32_t> value) {
    return value ? Json(static_cast<double>(*value)) : Json(nullptr);
  };
  Json::Array losses;
  for (std::size_t i = 0; i < firmware->grid_losses().size(); ++i) {
    const auto loss = firmware->grid_losses().at(i);
    losses.emplace_back(Json::Object{{"number", static_cast<int>(loss.number)},
                                     {"start", seconds(loss.start_s)},
                                     {"duration_s", seconds(loss.duration_s)},
                                     {"going_on", loss.going_on}});
  }
  return losses;
}

Json::Object pack_truth(const SimulatedPack& pack) {
  Json::Object relays;
  Json::Object edges;
  for (std::size_t relay = 0; relay < kCurrentChannels; ++relay) {
    relays.push_back({std::string(kRelayNames[relay]), pack.relays().contacts()[relay]});
    edges.push_back({std::string(kRelayNames[relay]), static_cast<double>(pack.relays().edges()[relay])});
  }
  const Pack* firmware = pack.firmware();
  const std::uint8_t node = firmware == nullptr ? std::uint8_t{0} : firmware->node();
  const Battery& battery = pack.house().battery();
  const Flows& flows = pack.house().flows();
  return {{"serial", format_serial(pack.identity().serial)},
          {"node", node == 0 ? Json(nullptr) : Json(static_cast<int>(node))},
          {"master", firmware != nullptr && firmware->is_master()},
          {"boots", static_cast<double>(pack.boots())},
          {"storage_writes", static_cast<double>(pack.flash().writes())},
          {"soc", rounded(battery.soc_pct(), 4)},
          {"battery_v", rounded(battery.voltage_v(), 4)},
          {"battery_a", rounded(battery.current_a(flows.battery_w), 4)},
          {"powers_w", powers_of(flows)},
          {"energies_wh", energies_of(pack.house().energies())},
          {"relays", std::move(relays)},
          {"relay_edges", std::move(edges)},
          {"grid_losses", grid_losses_of(firmware)},
          {"indicators", indicators_of(pack.indication())}};
}

}  // namespace

Json truth(Simulation& simulation) {
  simulation.refresh_houses();
  Json::Array packs;
  for (const auto& pack : simulation.packs()) packs.emplace_back(pack_truth(*pack));
  return Json::Object{{"ok", true},
                      {"time", simulation.site().local_time().format()},
                      {"grid", simulation.site().grid_alive},
                      {"frequency_hz", rounded(simulation.site().grid.frequency_hz(), 3)},
                      {"packs", std::move(packs)}};
}

}  // namespace alfaspark::sim
