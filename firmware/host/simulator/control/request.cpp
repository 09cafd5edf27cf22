#include "simulator/control/request.hpp"

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "simulator/control/value.hpp"

namespace alfaspark::sim {
namespace {

using Effect = std::function<void()>;
using Packs = std::vector<SimulatedPack*>;

/// What a key's parser may look at: the value, and whom it is for.
struct Context {
  const std::string& key;
  const Json& value;
  Simulation& simulation;
  const Packs& packs;
};

constexpr Range kPowerW = {0.0, 50'000.0};
constexpr double kLongestAdvanceS = 366.0 * 86'400.0;

Effect on_each(const Packs& packs, std::function<void(SimulatedPack&)> change) {
  return [packs, change = std::move(change)] {
    for (SimulatedPack* pack : packs) change(*pack);
  };
}

Micros to_micros(double seconds) { return static_cast<Micros>(std::llround(seconds * 1e6)); }

Effect local_time(const Context& in) {
  const LocalTime time = LocalTime::parse(take_string(in.key, in.value));
  return [&simulation = in.simulation, time] { simulation.set_local_time(time); };
}

Effect grid(const Context& in) {
  const bool alive = in.value.is_null() || take_bool(in.key, in.value);
  return [&simulation = in.simulation, alive] { simulation.set_grid_alive(alive); };
}

Effect frequency(const Context& in) {
  const double hz = take_number_or_null(in.key, in.value, {30.0, 80.0}).value_or(Mains::kNominalHz);
  return [&simulation = in.simulation, hz] { simulation.set_grid_frequency(hz); };
}

template <std::optional<double> FixedInputs::* kInput>
Effect fixed_input(const Context& in) {
  const Range range = kInput == &FixedInputs::irradiance ? Range{0.0, 1.0} : kPowerW;
  const auto value = take_number_or_null(in.key, in.value, range);
  return on_each(in.packs, [value](SimulatedPack& pack) {
    pack.change_house([&](House& house) { house.fixed().*kInput = value; });
  });
}

Effect soc(const Context& in) {
  const auto soc_pct = take_number_or_null(in.key, in.value, {0.0, 100.0});
  // The SOC is never held: from where it is set it goes on by itself, so null has nothing to give back.
  if (!soc_pct) return [] {};
  return on_each(in.packs, [soc_pct](SimulatedPack& pack) {
    pack.change_house([&](House& house) { house.battery().set_soc_pct(*soc_pct); });
  });
}

/// What only the built-in BMS can do.
void expect_simulated_bms(const Context& in) {
  for (SimulatedPack* pack : in.packs) {
    if (pack->simulated_bms() != nullptr) continue;
    throw std::invalid_argument("\"" + in.key + "\" is for packs with the built-in BMS; pack 0 has an external one");
  }
}

Effect battery_voltage(const Context& in) {
  expect_simulated_bms(in);
  const auto volts = take_number_or_null(in.key, in.value, {0.0, 6553.5});
  return on_each(in.packs, [volts](SimulatedPack& pack) { pack.fixed_battery_v() = volts; });
}

Effect battery_current(const Context& in) {
  expect_simulated_bms(in);
  const auto amperes = take_number_or_null(in.key, in.value, {-327.68, 327.67});
  return on_each(in.packs, [amperes](SimulatedPack& pack) { pack.fixed_battery_a() = amperes; });
}

Effect bms(const Context& in) {
  static constexpr std::array<std::pair<std::string_view, BmsBehaviour>, 5> kWords = {{
      {"ok", BmsBehaviour::kOk},
      {"silent", BmsBehaviour::kSilent},
      {"crc", BmsBehaviour::kCrc},
      {"exception", BmsBehaviour::kException},
      {"garbage", BmsBehaviour::kGarbage},
  }};
  expect_simulated_bms(in);
  const BmsBehaviour behaviour = in.value.is_null() ? BmsBehaviour::kOk : take_word(in.key, in.value, kWords);
  return on_each(in.packs, [behaviour](SimulatedPack& pack) { pack.simulated_bms()->set_behaviour(behaviour); });
}

Effect ct(const Context& in) {
  static constexpr std::array<std::pair<std::string_view, CtFault>, 4> kWords = {{
      {"ok", CtFault::kNone},
      {"clip", CtFault::kClip},
      {"open", CtFault::kOpen},
      {"stuck_relay", CtFault::kStuckRelay},
  }};
  const Json::Object& members = take_object(in.key, in.value);
  expect_members(members, in.key, {"channel", "state"});
  const Json* channel_value = find_member(members, "channel");
  const Json* state_value = find_member(members, "state");
  if (channel_value == nullptr || state_value == nullptr) refuse(in.key, "\"channel\" and \"state\"");
  const std::size_t channel = take_index("channel", *channel_value, kCurrentChannels);
  const CtFault fault = take_word("state", *state_value, kWords);
  return on_each(in.packs, [channel, fault](SimulatedPack& pack) { pack.set_ct_fault(channel, fault); });
}

Effect bus(const Context& in) {
  const Json::Object& members = take_object(in.key, in.value);
  expect_members(members, in.key, {"drop", "corrupt", "ack"});
  BusQuality quality = in.simulation.site().bus.quality();
  if (const Json* drop = find_member(members, "drop")) {
    quality.drop = take_number_or_null("drop", *drop, {0.0, 1.0}).value_or(0.0);
  }
  if (const Json* corrupt = find_member(members, "corrupt")) {
    quality.corrupt = take_number_or_null("corrupt", *corrupt, {0.0, 1.0}).value_or(0.0);
  }
  if (const Json* ack = find_member(members, "ack")) quality.acknowledged = ack->is_null() || take_bool("ack", *ack);
  return [&simulation = in.simulation, quality] {
    simulation.site().bus.quality() = quality;
    simulation.site().bus.retry();
  };
}

Effect segment(const Context& in) {
  const std::size_t segment = in.value.is_null() ? 0 : take_index(in.key, in.value, CanBus::kSegments);
  return on_each(in.packs, [segment](SimulatedPack& pack) { pack.set_segment(segment); });
}

Effect storage(const Context& in) {
  static constexpr std::array<std::pair<std::string_view, void (Flash::*)()>, 2> kWords = {{
      {"erase", &Flash::erase},
      {"corrupt", &Flash::corrupt},
  }};
  const auto damage = take_word(in.key, in.value, kWords);
  return on_each(in.packs, [damage](SimulatedPack& pack) { (pack.flash().*damage)(); });
}

Effect power(const Context& in) {
  const bool on = take_bool(in.key, in.value);
  return on_each(in.packs, [on](SimulatedPack& pack) { pack.set_supply(on); });
}

Effect restart(const Context& in) {
  static constexpr std::array<std::pair<std::string_view, RestartCause>, 3> kWords = {{
      {"soft", RestartCause::kSoftware},
      {"watchdog", RestartCause::kWatchdog},
      {"brownout", RestartCause::kBrownOut},
  }};
  const RestartCause cause = take_word(in.key, in.value, kWords);
  return on_each(in.packs, [cause](SimulatedPack& pack) { pack.restart_firmware(cause); });
}

Effect bus_off(const Context& in) {
  // The firmware comes back by itself: there is nothing to end.
  if (!take_bool(in.key, in.value)) return [] {};
  return on_each(in.packs, [](SimulatedPack& pack) { pack.force_bus_off(); });
}

Effect button(const Context& in) {
  const Micros duration = to_micros(take_number(in.key, in.value, {0.01, 600.0}));
  return on_each(in.packs, [duration](SimulatedPack& pack) { pack.hold_button(duration); });
}

Effect pulse(const Context& in) {
  const Json::Object& members = take_object(in.key, in.value);
  expect_members(members, in.key, {"pack", "channel", "count", "interval_ms"});
  const auto member = [&](std::string_view name, const Json& otherwise) {
    const Json* found = find_member(members, name);
    return found == nullptr ? otherwise : *found;
  };
  Packs packs = in.packs;
  if (const Json* own = find_member(members, "pack")) {
    packs = {in.simulation.packs().at(take_index("pack", *own, in.simulation.packs().size())).get()};
  }
  const std::size_t channel = take_index("channel", member("channel", 0), kPulseChannels);
  const std::size_t count = take_index("count", member("count", 1), 1'000'001);
  const double interval_ms = take_number("interval_ms", member("interval_ms", 360), {1.0, 3.6e6});
  const PulseTrain train{count, to_micros(interval_ms / 1e3)};
  return on_each(packs, [channel, train](SimulatedPack& pack) { pack.send_pulses(channel, train); });
}

struct Key {
  std::string_view name;
  Effect (*parse)(const Context&);
};

/// In the order in which they take effect: the world first, then the plant, then what happens to controllers.
constexpr std::array<Key, 20> kKeys = {{
    {"local_time", local_time},
    {"grid", grid},
    {"frequency_hz", frequency},
    {"irradiance", fixed_input<&FixedInputs::irradiance>},
    {"home_w", fixed_input<&FixedInputs::home_w>},
    {"load1_w", fixed_input<&FixedInputs::load1_w>},
    {"load2_w", fixed_input<&FixedInputs::load2_w>},
    {"soc", soc},
    {"battery_v", battery_voltage},
    {"battery_a", battery_current},
    {"bms", bms},
    {"ct", ct},
    {"bus", bus},
    {"segment", segment},
    {"storage", storage},
    {"power", power},
    {"restart", restart},
    {"bus_off", bus_off},
    {"button", button},
    {"pulse", pulse},
}};

/// "pack": the index; absent or null = all.
Packs addressed_packs(const Json::Object& members, Simulation& simulation) {
  Packs packs;
  const Json* index = find_member(members, "pack");
  if (index != nullptr && !index->is_null()) {
    return {simulation.packs().at(take_index("pack", *index, simulation.packs().size())).get()};
  }
  for (const auto& pack : simulation.packs()) packs.push_back(pack.get());
  return packs;
}

void refuse_unknown_keys(const Json::Object& members) {
  for (const Json::Member& member : members) {
    bool known = member.name == "pack" || member.name == "advance_s" || member.name == "get";
    for (const Key& key : kKeys) known = known || key.name == member.name;
    if (!known) throw std::invalid_argument("there is no \"" + member.name + "\"");
  }
}

}  // namespace

Request parse_request(const Json& json, Simulation& simulation) {
  const Json::Object* members = json.as_object();
  if (members == nullptr) throw std::invalid_argument("a line is a JSON object, like {\"get\": \"truth\"}");
  refuse_unknown_keys(*members);
  const Packs packs = addressed_packs(*members, simulation);
  Request request;
  for (const Key& key : kKeys) {
    const std::string name(key.name);
    if (const Json* value = find_member(*members, name)) {
      request.effects.push_back(key.parse({name, *value, simulation, packs}));
    }
  }
  if (const Json* advance = find_member(*members, "advance_s")) {
    request.advance = to_micros(take_number("advance_s", *advance, {0.0, kLongestAdvanceS}));
  }
  if (const Json* get = find_member(*members, "get")) {
    static constexpr std::array<std::pair<std::string_view, bool>, 1> kWords = {{{"truth", true}}};
    request.wants_truth = take_word("get", *get, kWords);
  }
  return request;
}

}  // namespace alfaspark::sim
