// R3: the state tables of docs/modes.md, every combination of their inputs, against the pure decision.
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "alfaspark/modes/priority.hpp"
#include "catch.hpp"
#include "modes_bench.hpp"

namespace alfaspark::modes_test {
namespace {

using Row = std::map<std::string, std::string>;
using Table = std::vector<Row>;
using Column = std::pair<std::string, std::vector<std::string>>;

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t from = 1, to = 0; (to = line.find('|', from)) != std::string::npos; from = to + 1) {
    const auto first = line.find_first_not_of(' ', from);
    cells.push_back(line.substr(first, line.find_last_not_of(' ', to - 1) + 1 - first));
  }
  return cells;
}

/// The first table under a heading.
Table table_under(const std::string& heading) {
  std::ifstream page(ALFASPARK_DOCS_DIR "/modes.md");
  REQUIRE(page.is_open());
  Table table;
  std::vector<std::string> names;
  bool is_under = false;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("## ", 0) == 0) is_under = line == "## " + heading;
    if (!is_under || line.rfind('|', 0) != 0 || line.rfind("|--", 0) == 0) continue;
    const auto cells = cells_of(line);
    if (names.empty()) {
      names = cells;
      continue;
    }
    REQUIRE(cells.size() == names.size());
    Row row;
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = cells[i];
    table.push_back(row);
  }
  REQUIRE_FALSE(table.empty());
  return table;
}

const Row& row_for(const Table& table, const Row& inputs) {
  const Row* found = nullptr;
  for (const Row& row : table) {
    bool matches = true;
    for (const auto& [name, value] : inputs) {
      REQUIRE(row.count(name) == 1);
      matches = matches && (row.at(name) == "any" || row.at(name) == value);
    }
    if (!matches) continue;
    REQUIRE(found == nullptr);  // one row a combination
    found = &row;
  }
  REQUIRE(found != nullptr);
  return *found;
}

const std::map<std::string, Reason>& reasons() {
  static const std::map<std::string, Reason> kReasons{{"start-up", Reason::kStartUp},
                                                      {"manual", Reason::kManual},
                                                      {"self-consumption low SOC", Reason::kSelfConsumptionLowSoc},
                                                      {"self-consumption charged", Reason::kSelfConsumptionCharged},
                                                      {"backup", Reason::kBackup},
                                                      {"import limit exhausted", Reason::kImportLimitExhausted},
                                                      {"eco shed", Reason::kEcoShed},
                                                      {"eco restored", Reason::kEcoRestored},
                                                      {"inside window", Reason::kInsideWindow},
                                                      {"outside window", Reason::kOutsideWindow},
                                                      {"BMS lost", Reason::kBmsLost},
                                                      {"clock unknown", Reason::kClockUnknown}};
  return kReasons;
}

/// Calls `judge` with each combination of the columns' values.
template <typename Judge>
int for_each_combination(const std::vector<Column>& columns, Judge&& judge, Row inputs = {}) {
  if (inputs.size() == columns.size()) {
    judge(inputs);
    return 1;
  }
  int count = 0;
  const auto& [name, values] = columns[inputs.size()];
  for (const auto& value : values) {
    Row more = inputs;
    more[name] = value;
    // A map forgets the order, so that its size is the number of columns done.
    count += for_each_combination(columns, judge, more);
  }
  return count;
}

void check(const Table& table, const Row& inputs, Situation situation, Relay relay) {
  const auto& row = row_for(table, inputs);
  for (const bool hand_closed : {false, true}) {
    const std::string hand = hand_closed ? "closed" : "open";
    if (inputs.count("the hand wants") == 1 && inputs.at("the hand wants") != hand) continue;
    situation.manual_closed = static_cast<std::uint8_t>(hand_closed ? bit(relay) : 0);
    std::string said;
    for (const auto& [name, value] : inputs) said += name + ": " + value + "; ";
    INFO(said);
    const auto wish = decide(situation, relay);
    const auto& where = row.at("relay");
    CHECK(wish.reason == reasons().at(row.at("reason")));
    CHECK(wish.closed.has_value() == (where != "stays"));
    if (where == "hand") CHECK(wish.closed == hand_closed);
    if (where == "open") CHECK(wish.closed == false);
    if (where == "closed") CHECK(wish.closed == true);
  }
}

void set(Situation& situation, Mode mode, bool on) {
  if (on) situation.modes = static_cast<std::uint8_t>(situation.modes | bit(mode));
}

}  // namespace

TEST_CASE("R3: the grid relay, as its table says") {
  const auto table = table_under("Grid relay");
  const std::vector<Column> columns{
      {"import limit", {"exhausted", "not exhausted"}},
      {"backup", {"on", "off"}},
      {"self-consumption", {"on", "off"}},
      {"battery", {"at most connect", "between", "at least disconnect", "lost", "not heard yet"}},
      {"last decision", {"open", "closed", "none"}}};
  const auto count = for_each_combination(columns, [&](const Row& inputs) {
    Situation situation;
    situation.is_import_exhausted = inputs.at("import limit") == "exhausted";
    set(situation, Mode::kBackup, inputs.at("backup") == "on");
    set(situation, Mode::kSelfConsumption, inputs.at("self-consumption") == "on");
    const std::map<std::string, std::optional<float>> socs{{"at most connect", 10.0F},
                                                           {"between", 49.9F},
                                                           {"at least disconnect", 50.0F},
                                                           {"lost", std::nullopt},
                                                           {"not heard yet", std::nullopt}};
    situation.soc_pct = socs.at(inputs.at("battery"));
    situation.bms_lost = inputs.at("battery") == "lost";
    if (inputs.at("last decision") != "none") {
      situation.self_consumption_closed = inputs.at("last decision") == "closed";
    }
    check(table, inputs, situation, Relay::kGrid);
  });
  CHECK(count == 2 * 2 * 2 * 5 * 3);
}

TEST_CASE("R3: the inverter output relay, as its table says") {
  const auto table = table_under("Inverter output relay");
  const std::vector<Column> columns{{"eco has shed it", {"yes", "no"}},
                                    {"time of use", {"on", "off"}},
                                    {"windows", {"some", "none"}},
                                    {"clock", {"inside a window", "outside all windows", "unknown", "not set yet"}}};
  const auto count = for_each_combination(columns, [&](const Row& inputs) {
    Situation situation;
    situation.eco_shed = inputs.at("eco has shed it") == "yes" ? bit(Relay::kInverter) : 0;
    set(situation, Mode::kTimeOfUse, inputs.at("time of use") == "on");
    situation.has_window = inputs.at("windows") == "some";
    if (inputs.at("clock") == "inside a window") situation.is_inside_window = true;
    if (inputs.at("clock") == "outside all windows") situation.is_inside_window = false;
    situation.clock_unknown = inputs.at("clock") == "unknown";
    check(table, inputs, situation, Relay::kInverter);
  });
  CHECK(count == 2 * 2 * 2 * 4);
}

TEST_CASE("R3: the load relays, as their table says") {
  const auto table = table_under("Load relays");
  const auto relay = GENERATE(Relay::kLoad1, Relay::kLoad2);
  const std::vector<Column> columns{
      {"eco has shed it", {"yes", "no"}}, {"eco gave it back", {"yes", "no"}}, {"the hand wants", {"open", "closed"}}};
  const auto count = for_each_combination(columns, [&](const Row& inputs) {
    Situation situation;
    situation.modes = 0x1F;
    situation.is_import_exhausted = true;  // none of their business
    situation.eco_shed = inputs.at("eco has shed it") == "yes" ? bit(relay) : 0;
    situation.eco_restored = inputs.at("eco gave it back") == "yes" ? bit(relay) : 0;
    check(table, inputs, situation, relay);
  });
  CHECK(count == 8);
}

}  // namespace alfaspark::modes_test
