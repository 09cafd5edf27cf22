#include "simulator/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "simulator/simulation.hpp"

namespace alfaspark::sim {
namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& takes) {
  throw std::invalid_argument(option + " takes " + takes);
}

std::uint64_t take_whole(const std::string& option, const std::string& value, std::uint64_t low, std::uint64_t high) {
  std::uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc{} || rest != end || number < low || number > high) {
    refuse(option, "a whole number " + std::to_string(low) + " to " + std::to_string(high));
  }
  return number;
}

double take_speed(const std::string& value) {
  char* rest = nullptr;
  const double speed = std::strtod(value.c_str(), &rest);
  if (value.empty() || *rest != '\0' || !(speed >= 0.0 && speed <= 100'000.0)) {
    refuse("--speed", "a number 0 to 100000");
  }
  return speed;
}

std::vector<std::uint64_t> take_serials(const std::string& value) {
  constexpr std::size_t kDigits = 12;
  std::vector<std::uint64_t> serials;
  std::string_view rest = value;
  while (true) {
    const std::string digits(rest.substr(0, rest.find(',')));
    std::uint64_t serial = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, serial, 16);
    if (digits.size() != kDigits || error != std::errc{} || stop != end || serial == 0) {
      refuse("--serials", "serials of 12 hexadecimal digits, separated by commas");
    }
    if (std::find(serials.begin(), serials.end(), serial) != serials.end()) refuse("--serials", "each serial once");
    serials.push_back(serial);
    if (digits.size() == rest.size()) return serials;
    rest.remove_prefix(digits.size() + 1);
  }
}

constexpr std::uint64_t kMostSeed = 0xFFFFFFFFFFFFFFFF;

struct Option {
  std::string_view name;
  void (*take)(Options&, const std::string&);
};

constexpr std::array<Option, 12> kOptionsWithValue = {{
    {"--packs",
     [](Options& o, const std::string& v) { o.packs = take_whole("--packs", v, 0, Simulation::kDevicesAtMost); }},
    {"--gateways",
     [](Options& o, const std::string& v) { o.gateways = take_whole("--gateways", v, 0, Simulation::kDevicesAtMost); }},
    {"--seed", [](Options& o, const std::string& v) { o.seed = take_whole("--seed", v, 0, kMostSeed); }},
    {"--speed", [](Options& o, const std::string& v) { o.speed = take_speed(v); }},
    {"--start", [](Options& o, const std::string& v) { o.start = LocalTime::parse(v); }},
    {"--scenario", [](Options& o, const std::string& v) { o.scenario = v; }},
    {"--slcan", [](Options& o, const std::string& v) { o.slcan = Endpoint::parse(v); }},
    {"--pty", [](Options& o, const std::string& v) { o.pty = v; }},
    {"--control", [](Options& o, const std::string& v) { o.control = Endpoint::parse(v); }},
    {"--bms", [](Options& o, const std::string& v) { o.bms = v; }},
    {"--serials", [](Options& o, const std::string& v) { o.serials = take_serials(v); }},
    {"--storage", [](Options& o, const std::string& v) { o.storage = v; }},
}};

/// What depends on several options together.
void complete(Options& options, bool packs_given) {
  if (!options.serials.empty() && !packs_given && options.serials.size() > options.gateways) {
    options.packs = options.serials.size() - options.gateways;
  }
  const std::size_t devices = options.packs + options.gateways;
  if (devices == 0 || devices > Simulation::kDevicesAtMost) {
    throw std::invalid_argument("--packs and --gateways together take 1 to " +
                                std::to_string(Simulation::kDevicesAtMost));
  }
  if (!options.serials.empty() && options.serials.size() != devices) {
    throw std::invalid_argument("--serials takes one serial for each of the " + std::to_string(devices) +
                                " packs and gateways");
  }
  if (options.bms && options.packs == 0) throw std::invalid_argument("--bms takes at least one pack");
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool packs_given = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string name = argument.substr(0, argument.find('='));
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      continue;
    }
    if (argument == "--equal-numbers") {
      options.equal_numbers = true;
      continue;
    }
    const auto option = std::find_if(kOptionsWithValue.begin(), kOptionsWithValue.end(),
                                     [&](const Option& candidate) { return candidate.name == name; });
    if (option == kOptionsWithValue.end()) throw std::invalid_argument("there is no option " + argument);
    if (name == argument && i + 1 == arguments.size()) throw std::invalid_argument(name + " needs a value");
    option->take(options, name == argument ? arguments[++i] : argument.substr(name.size() + 1));
    packs_given = packs_given || name == "--packs";
  }
  complete(options, packs_given);
  return options;
}

const char* usage() {
  return R"(alfaspark-sim: energy packs with the real firmware core, on a simulated bus in a simulated house.

  --packs N              how many packs (3)
  --gateways N           how many gateways besides (0)
  --serials A,B,...      serials of 12 hexadecimal digits, packs first (from the seed)
  --equal-numbers        all of them want the same node number
  --seed N               the same run again: serials, sun, loads, noise, chance (else chance is new in every run)
  --start TIME           local time at the start, like 2026-06-01T06:00:00+01:00 (now)
  --speed X              virtual seconds in a real one (1); 0: time stands but for "advance_s"
  --scenario FILE        control lines with the times at which they take effect
  --storage DIR          keeps the packs' flash between runs
  --bms DEVICE|URL       pack 0 asks this BMS: a serial device or socket://HOST:PORT
  --slcan HOST:PORT      where slcan clients connect (127.0.0.1:0, a free port)
  --pty LINK             an slcan adapter as a serial port, too
  --control HOST:PORT    where JSON lines control it (127.0.0.1:0, a free port)

Prints one line of JSON when it is ready. docs/simulator.md says more.
)";
}

}  // namespace alfaspark::sim
