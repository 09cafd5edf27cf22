#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "simulator/time/local_time.hpp"
#include "simulator/time/timeline.hpp"

using namespace alfaspark;       // NOLINT(google-build-using-namespace)
using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

TEST_CASE("times are read and written with their offset") {
  const LocalTime time = LocalTime::parse("2026-06-01T06:00:00+01:00");
  CHECK(time.unix_us == 1'780'290'000'000'000);
  CHECK(time.format() == "2026-06-01T06:00:00.000+01:00");
  CHECK(time.local_s() == 1'780'293'600.0);
  CHECK(time.plus(1'500'000).format() == "2026-06-01T06:00:01.500+01:00");
  CHECK(LocalTime::parse("2024-02-29T23:59:59.25-03:30").format() == "2024-02-29T23:59:59.250-03:30");
  CHECK(LocalTime::parse("1970-01-01T00:00:00Z").unix_us == 0);
  CHECK(LocalTime::parse(LocalTime::of_this_machine().format()).unix_us > 1'700'000'000'000'000);
}

TEST_CASE("what is no time is refused") {
  for (const char* text :
       {"", "2026-06-01", "2026-06-01T06:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-06-01T24:00:00Z",
        "2026-06-01T06:60:00Z", "2026-06-01 06:00:00Z", "2026-06-01T06:00:00+25:00", "2026-06-01T06:00:00+0100",
        "2026-06-01T06:00:00Zx", "2026-06-01T06:00:00.Z", "1969-06-01T06:00:00Z", "-026-06-01T06:00:00Z"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(LocalTime::parse(text), std::invalid_argument);
  }
}

TEST_CASE("what is due runs in its order, also what is added on the way") {
  Timeline timeline;
  std::vector<int> ran;
  timeline.at(20, [&] { ran.push_back(2); });
  timeline.at(10, [&] {
    ran.push_back(1);
    timeline.after(10, [&] { ran.push_back(3); });
    timeline.at(5, [&] { ran.push_back(0); });  // the past means now
  });
  timeline.at(21, [&] { ran.push_back(4); });
  timeline.run_until(20);
  CHECK(ran == std::vector<int>{1, 0, 2, 3});
  CHECK(timeline.now() == 20);
  timeline.run_until(1000);
  CHECK(ran.size() == 5);
  CHECK(timeline.now() == 1000);
}
