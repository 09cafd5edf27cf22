#include "simulator/control/scenario.hpp"

#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "simulator/control/json.hpp"
#include "simulator/control/request.hpp"
#include "simulator/control/value.hpp"

namespace alfaspark::sim {
namespace {

constexpr Range kAtS = {0.0, 366.0 * 86'400.0};

void schedule_line(const std::string& line, Simulation& simulation) {
  const Json json = Json::parse(line);
  Json::Object members = take_object("line", json);
  const Json* at = find_member(members, "at_s");
  if (at == nullptr) throw std::invalid_argument("\"at_s\" is missing");
  const double at_s = take_number("at_s", *at, kAtS);
  std::erase_if(members, [](const Json::Member& member) { return member.name == "at_s"; });
  Request request = parse_request(Json(std::move(members)), simulation);
  if (request.advance || request.wants_truth) {
    throw std::invalid_argument("\"advance_s\" and \"get\" are for the control socket");
  }
  const auto at_us = static_cast<Micros>(std::llround(at_s * 1e6));
  simulation.site().timeline.at(at_us, [effects = std::move(request.effects)] {
    for (const auto& effect : effects) effect();
  });
}

}  // namespace

void schedule_scenario(const std::filesystem::path& file, Simulation& simulation) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("--scenario " + file.string() + ": cannot be read");
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      schedule_line(line, simulation);
    } catch (const std::exception& problem) {
      throw std::runtime_error("--scenario " + file.string() + ", line " + std::to_string(number) + ": " +
                               problem.what());
    }
  }
}

}  // namespace alfaspark::sim
