// The losses of the grid that a pack keeps: their times over restarts and without a clock, their place on flash, what
// is told of them.
#include "alfaspark/control/grid_loss_log.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "alfaspark/sensing/grid_sense.hpp"
#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

using frames::GridLoss;
using frames::GridState;

constexpr std::uint32_t kEpoch = 1'800'000'000;
constexpr Micros kStep = 5 * kMillisecond;

/// A log in a controller, the world's time, and what was told.
class Bench {
 public:
  Bench() { restart(); }

  /// The program starts anew; the grid is looked at from 1 s after that.
  void restart() {
    log = std::make_unique<GridLossLog>(flash);
    clock = {};
    booted_at = at;
    log->load();
  }
  void tell_time() { clock.set(uptime(), {.unix_s = unix_s(), .utc_offset_min = 0}); }
  void run(Micros duration, GridState grid, Micros step = kStep) {
    for (const auto end = at + duration; at < end;) {
      at += step;
      log->tick(uptime(), grid, clock);
      if (const auto loss = log->take_due(uptime())) told.push_back(*loss);
      log->write_due(uptime());
    }
  }
  /// As the sense input shows it: present is said 1 s after the power is back.
  void lose(Micros duration, Micros step = kStep) {
    run(duration + GridSense::kSettling, GridState::kAbsent, step);
    run(step, GridState::kPresent, step);
  }
  [[nodiscard]] Micros uptime() const { return at - booted_at; }
  [[nodiscard]] std::uint32_t unix_s() const { return kEpoch + static_cast<std::uint32_t>(at / kSecond); }
  [[nodiscard]] GridLoss newest() const { return log->at(log->size() - 1); }

  Flash flash;
  std::unique_ptr<GridLossLog> log;
  Clock clock;
  Micros at = 0;
  Micros booted_at = 0;
  std::vector<GridLoss> told;
};

}  // namespace

TEST_CASE("Grid losses: none, and nothing to tell or to write") {
  Bench bench;
  bench.log->tell_all(0);
  bench.run(10 * kSecond, GridState::kPresent);
  bench.run(10 * kSecond, GridState::kUnknown);
  CHECK(bench.log->size() == 0);
  CHECK(bench.log->newest() == 0);
  CHECK(bench.told.empty());
  CHECK(bench.flash.writes == 0);
}

TEST_CASE("Grid losses: one is told when it begins and when it ends, from the first evidence of each") {
  Bench bench;
  bench.tell_time();
  bench.run(100 * kSecond, GridState::kPresent);
  bench.run(kStep, GridState::kAbsent);
  REQUIRE(bench.told.size() == 1);
  const auto start = kEpoch + 100;
  CHECK(bench.told[0].start_s == start);
  CHECK(bench.told[0].going_on);
  CHECK_FALSE(bench.told[0].duration_s);
  CHECK(bench.told[0].number == 1);
  bench.run(500 * kSecond, GridState::kAbsent);
  CHECK(bench.told.size() == 1);
  bench.run(20 * kSecond, GridState::kUnknown);  // no answer is none
  CHECK(bench.newest().going_on);
  bench.run(kSecond, GridState::kAbsent);
  bench.run(60 * kSecond, GridState::kPresent);
  REQUIRE(bench.told.size() == 2);
  CHECK(bench.told[1].start_s == start);
  CHECK_FALSE(bench.told[1].going_on);
  CHECK(bench.told[1].duration_s == 520);
  CHECK(bench.told[1].number == 1);
  CHECK(bench.log->size() == 1);
}

TEST_CASE("Grid losses: one of less than half a second lasts 0 s, one beyond what a frame says is the longest") {
  Bench bench;
  bench.tell_time();
  bench.lose(kStep);
  CHECK(bench.newest().duration_s == 0);
  bench.lose(200 * 86400 * kSecond, 86400 * kSecond);
  CHECK(bench.newest().duration_s == 0x7FFFFE);
}

TEST_CASE("Grid losses: without a clock the start is not known, and found as soon as there is one in this boot") {
  const bool ends_before = GENERATE(true, false);
  Bench bench;
  bench.run(100 * kSecond, GridState::kPresent);
  bench.run(30 * kSecond + GridSense::kSettling, GridState::kAbsent);
  if (ends_before) bench.run(300 * kSecond, GridState::kPresent);
  CHECK_FALSE(bench.newest().start_s);
  CHECK(bench.newest().going_on != ends_before);
  CHECK(bench.newest().duration_s.has_value() == ends_before);
  const auto told = bench.told.size();
  bench.tell_time();
  bench.run(kSecond, ends_before ? GridState::kPresent : GridState::kAbsent);
  REQUIRE(bench.told.size() == told + 1);
  CHECK(bench.told.back().start_s == kEpoch + 100);
  if (ends_before) CHECK(bench.told.back().duration_s == 30);
  bench.restart();
  CHECK(bench.newest().start_s == kEpoch + 100);
}

TEST_CASE("Grid losses: a start that was never known stays so, and then so does an end in another boot") {
  Bench bench;
  bench.lose(30 * kSecond);
  bench.run(10 * kSecond, GridState::kAbsent);
  bench.restart();
  bench.tell_time();
  bench.run(30 * kSecond, GridState::kAbsent);
  CHECK(bench.newest().going_on);
  bench.run(10 * kSecond, GridState::kPresent);
  REQUIRE(bench.log->size() == 2);
  CHECK_FALSE(bench.log->at(0).start_s);
  CHECK(bench.log->at(0).duration_s == 30);
  CHECK_FALSE(bench.log->at(1).start_s);
  CHECK_FALSE(bench.log->at(1).duration_s);
  CHECK_FALSE(bench.log->at(1).going_on);
}

TEST_CASE("Grid losses: one that still goes on after a restart goes on, whenever the clock comes") {
  const int clock_comes = GENERATE(0, 1, 2);  // before the loss goes on, before it ends, after it
  Bench bench;
  bench.tell_time();
  bench.run(100 * kSecond, GridState::kPresent);
  bench.run(10 * kSecond, GridState::kAbsent);
  bench.at += 600 * kSecond;  // without supply
  bench.told.clear();
  bench.restart();
  CHECK(bench.newest().going_on);
  if (clock_comes == 0) bench.tell_time();
  bench.run(kSecond, GridState::kUnknown);
  bench.run(88 * kSecond, GridState::kAbsent);
  if (clock_comes == 1) bench.tell_time();
  bench.run(2 * kSecond, GridState::kAbsent);
  CHECK(bench.told.empty());
  bench.run(10 * kSecond, GridState::kPresent);
  if (clock_comes == 2) {
    REQUIRE(bench.told.size() == 1);
    CHECK_FALSE(bench.told[0].going_on);
    CHECK_FALSE(bench.told[0].duration_s);
    bench.tell_time();
    bench.run(kSecond, GridState::kPresent);
  }
  CHECK(bench.log->size() == 1);
  const auto last = bench.told.back();
  CHECK(last.start_s == kEpoch + 100);
  CHECK_FALSE(last.going_on);
  CHECK(last.duration_s.value() >= 699);
  CHECK(last.duration_s.value() <= 701);
  bench.run(kSecond, GridState::kPresent);
  bench.restart();
  CHECK(bench.newest().duration_s == last.duration_s);
}

TEST_CASE("Grid losses: one that ended while the pack had no supply has no known end") {
  const auto found = GENERATE(GridState::kPresent, GridState::kNotFitted);
  Bench bench;
  bench.tell_time();
  bench.run(10 * kSecond, GridState::kAbsent);
  bench.at += 600 * kSecond;
  bench.told.clear();
  bench.restart();
  bench.tell_time();
  bench.run(kSecond, GridState::kUnknown);
  bench.run(kSecond, found);
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].start_s == kEpoch);
  CHECK_FALSE(bench.told[0].going_on);
  CHECK_FALSE(bench.told[0].duration_s);
  bench.restart();
  CHECK_FALSE(bench.newest().going_on);
}

TEST_CASE("Grid losses: a clock that went back beyond the start tells no duration") {
  Bench bench;
  bench.tell_time();
  bench.run(10 * kSecond, GridState::kAbsent);
  bench.restart();
  bench.clock.set(bench.uptime(), {.unix_s = kEpoch - 1'000'000, .utc_offset_min = 0});
  bench.run(10 * kSecond, GridState::kAbsent);
  bench.run(10 * kSecond, GridState::kPresent);
  CHECK_FALSE(bench.newest().going_on);
  CHECK_FALSE(bench.newest().duration_s);
}

TEST_CASE("Grid losses: the last 32 are kept, in order, and numbers go on from 255 to 0, over restarts, too") {
  Bench bench;
  bench.tell_time();
  for (std::uint32_t made = 1; made <= 600; ++made) {
    bench.run(300 * kSecond, GridState::kPresent, kSecond);
    bench.lose(made * kSecond, kSecond);
    if (made % 7 == 0) {
      bench.run(kSecond, GridState::kPresent);
      bench.restart();
      bench.tell_time();
    }
    REQUIRE(bench.log->size() == std::min<std::size_t>(made, GridLossLog::kLosses));
    REQUIRE(bench.log->newest() == made % 256);
    for (std::uint32_t i = 0; i < bench.log->size(); ++i) {
      const auto number = made + 1 - static_cast<std::uint32_t>(bench.log->size()) + i;
      REQUIRE(bench.log->at(i).number == number % 256);
      REQUIRE(bench.log->at(i).duration_s == number);
    }
  }
  CHECK(bench.flash.records.size() == GridLossLog::kLosses);
  CHECK(bench.flash.records.begin()->first == GridLossLog::kFirstKey);
}

TEST_CASE(
    "Grid losses: all are told oldest first, 20 ms apart, from the time on that was asked for, one more among them") {
  Bench bench;
  bench.tell_time();
  for (int made = 0; made < 40; ++made) {
    bench.run(300 * kSecond, GridState::kPresent, kSecond);
    bench.lose(10 * kSecond, kSecond);
  }
  bench.run(kSecond, GridState::kPresent);
  bench.told.clear();
  bench.log->tell_all(bench.uptime() + kSecond);
  bench.run(kSecond - kStep, GridState::kPresent);
  CHECK(bench.told.empty());
  bench.run(10 * 20 * kMillisecond, GridState::kPresent);
  CHECK(bench.told.size() == 10);
  bench.run(2 * kSecond, GridState::kAbsent);
  REQUIRE(bench.told.size() == 33);
  for (std::size_t i = 0; i < bench.told.size(); ++i) CHECK(bench.told[i].number == 9 + i);
  CHECK(bench.told.back().going_on);
  CHECK_FALSE(bench.told[31].going_on);
}

TEST_CASE("Grid losses: begin and end are on flash half a second later, and at once before a restart") {
  Bench bench;
  bench.tell_time();
  bench.run(kStep, GridState::kAbsent);
  bench.run(GridLossLog::kWriteDelay - kStep, GridState::kAbsent);
  CHECK(bench.flash.writes == 0);
  bench.run(2 * kStep, GridState::kAbsent);
  CHECK(bench.flash.writes == 1);
  bench.run(100 * kSecond, GridState::kAbsent);
  CHECK(bench.flash.writes == 1);
  bench.run(kStep, GridState::kPresent);
  bench.log->flush();
  CHECK(bench.flash.writes == 2);
  bench.run(100 * kSecond, GridState::kPresent);
  CHECK(bench.flash.writes == 2);
  bench.restart();
  CHECK(bench.newest().duration_s == 100);
  bench.run(kSecond, GridState::kPresent);
  CHECK(bench.flash.writes == 2);
}

TEST_CASE(
    "Grid losses: a grid that flaps all day does not wear out the flash, and its last losses are on it in the end") {
  Bench bench;
  bench.tell_time();
  constexpr int kFlaps = 86400 / 2;
  for (int made = 0; made < kFlaps; ++made) {
    bench.run(kSecond, GridState::kAbsent, 100 * kMillisecond);
    bench.run(kSecond, GridState::kPresent, 100 * kMillisecond);
    REQUIRE(bench.flash.writes <= GridLossLog::kWritesAtOnce + bench.at / GridLossLog::kWritePeriod);
  }
  CHECK(bench.flash.writes > 1400);
  bench.run(33 * GridLossLog::kWritePeriod, GridState::kPresent, 100 * kMillisecond);
  bench.restart();
  REQUIRE(bench.log->size() == GridLossLog::kLosses);
  CHECK(bench.log->newest() == kFlaps % 256);
  for (std::size_t i = 0; i < GridLossLog::kLosses; ++i) CHECK_FALSE(bench.log->at(i).going_on);
}

TEST_CASE(
    "Grid losses: a flash that takes nothing costs nothing but the memory of a restart, and is tried every minute") {
  Bench bench;
  bench.tell_time();
  bench.flash.is_broken = true;
  bench.lose(10 * kSecond);
  CHECK(bench.log->has_storage_failed());
  CHECK(bench.told.size() == 2);
  CHECK(bench.newest().duration_s == 10);
  bench.run(600 * kSecond, GridState::kPresent);
  CHECK(bench.flash.writes >= 10);
  CHECK(bench.flash.writes <= 12);
  bench.log->flush();
  CHECK(bench.log->has_storage_failed());
  SECTION("it takes it again") {
    bench.flash.is_broken = false;
    bench.run(61 * kSecond, GridState::kPresent);
    CHECK_FALSE(bench.log->has_storage_failed());
    bench.restart();
    CHECK(bench.newest().duration_s == 10);
  }
  SECTION("it does not") {
    bench.restart();
    CHECK(bench.log->size() == 0);
  }
}

TEST_CASE("Grid losses: a damaged record is left out alone, whichever bit it is, and replaced in its turn") {
  Bench bench;
  bench.tell_time();
  for (int made = 0; made < 4; ++made) {
    bench.run(300 * kSecond, GridState::kPresent, kSecond);
    bench.lose(10 * kSecond, kSecond);
  }
  bench.run(kSecond, GridState::kPresent);
  const auto whole = bench.flash.records;
  const auto key = static_cast<std::uint8_t>(GridLossLog::kFirstKey + 2);
  for (std::size_t bit = 0; bit < whole.at(key).size() * 8; ++bit) {
    bench.flash.records = whole;
    bench.flash.records[key][bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    bench.restart();
    REQUIRE(bench.log->size() == 3);
    REQUIRE(bench.log->at(0).number == 1);
    REQUIRE(bench.log->at(1).number == 3);
    REQUIRE(bench.log->newest() == 4);
  }
  bench.flash.records[key].resize(5);
  bench.restart();
  CHECK(bench.log->size() == 3);
  for (int made = 0; made < 30; ++made) {
    bench.run(300 * kSecond, GridState::kPresent, kSecond);
    bench.lose(10 * kSecond, kSecond);
  }
  CHECK(bench.log->size() == GridLossLog::kLosses);
}

TEST_CASE(
    "Grid losses: restarts and cuts of supply at random moments never make a time that was not, nor lose a loss") {
  std::mt19937 dice(GENERATE(range(1U, 21U)));
  const auto from = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(dice); };
  constexpr int kLast = 4 * 3600;  // s
  struct Truth {
    int lost_at;
    int back_at;
  };
  std::vector<Truth> truth;
  for (int at = from(10, 300); at < kLast;) {
    const int back_at = at + from(3, 400);
    truth.push_back({at, back_at});
    at = back_at + from(60, 900);
  }
  std::vector<Truth> boots;  // lost_at: start, back_at: end
  Bench bench;
  int clock_at = from(0, 200);
  int boot_ends = from(30, 3000);
  int booted = 0;
  for (int now = 0; now < kLast;) {
    if (now >= boot_ends) {
      if (from(0, 1) == 0) bench.log->flush();
      boots.push_back({booted, now});
      now += from(0, 1) == 0 ? 2 : from(10, 600);
      bench.at = now * kSecond;
      bench.restart();
      booted = now;
      clock_at = now + from(0, 200);
      boot_ends = now + from(30, 3000);
      continue;
    }
    if (now == clock_at) bench.tell_time();
    auto grid = now < booted + 1 ? GridState::kUnknown : GridState::kPresent;
    for (const auto& loss : truth) {
      if (now >= loss.lost_at && now <= loss.back_at && now >= booted + 1) grid = GridState::kAbsent;
    }
    bench.run(kSecond, grid, 100 * kMillisecond);
    ++now;
  }
  boots.push_back({booted, kLast});

  const auto epoch = static_cast<int>(kEpoch);
  const auto is_near = [](int a, int b) { return std::abs(a - b) <= 2; };
  int previous = -1;
  for (std::size_t i = 0; i < bench.log->size(); ++i) {
    const auto loss = bench.log->at(i);
    CHECK((!loss.going_on || i + 1 == bench.log->size()));
    if (!loss.start_s) continue;
    const int start = static_cast<int>(*loss.start_s) - epoch;
    CHECK(start > previous);
    previous = start;
    const auto is_lost = [&](const Truth& one) { return start >= one.lost_at - 2 && start <= one.back_at + 2; };
    CHECK(std::any_of(truth.begin(), truth.end(), is_lost));
    if (!loss.duration_s) continue;
    const int end = start + static_cast<int>(*loss.duration_s);
    CHECK(std::any_of(truth.begin(), truth.end(), [&](const Truth& one) { return is_near(one.back_at, end); }));
  }
  // What began and ended in one boot that had its time is there as it was.
  int seen = 0;
  for (const auto& [start, end] : boots) {
    const bool had_clock = end - start > 210;
    for (const auto& one : truth) {
      const bool is_whole = one.lost_at > start + 2 && one.back_at < end - 3;
      if (!had_clock || !is_whole) continue;
      ++seen;
      bool is_kept = false;
      for (std::size_t i = 0; i < bench.log->size(); ++i) {
        const auto loss = bench.log->at(i);
        is_kept =
            is_kept || (loss.start_s && is_near(static_cast<int>(*loss.start_s) - epoch, one.lost_at) &&
                        loss.duration_s && is_near(static_cast<int>(*loss.duration_s), one.back_at - one.lost_at));
      }
      INFO(one.lost_at << ".." << one.back_at);
      CHECK((is_kept || bench.log->size() == GridLossLog::kLosses));
    }
  }
  CHECK(seen > 3);
}

}  // namespace alfaspark::control_test
