// Requirements R3 and R4: closed by default, never moved by a restart, restored after a power cut.
#include "alfaspark/control/relays.hpp"

#include "catch.hpp"
#include "fake_board.hpp"

namespace alfaspark::control_test {
namespace {

using frames::Reason;
using frames::Relay;

struct Bench {
  Parameters parameters;
  RelayBoard board;
  Relays relays{board, parameters};
};

}  // namespace

TEST_CASE("A new pack closes every relay") {
  Bench bench;
  bench.relays.start(std::nullopt);
  CHECK(bench.relays.closed() == 0x0F);
  CHECK(bench.relays.reason(Relay::kGrid) == Reason::kStartUp);
  bench.relays.end_start_up();
  CHECK(bench.relays.reason(Relay::kGrid) == Reason::kManual);
}

TEST_CASE("After a power cut the relays go where the hand had them, and nothing else moves") {
  Bench bench;
  bench.board.positions = {false, true, false, false};
  bench.relays.start(ManualRelays{.closed = 0b1010});
  CHECK(bench.relays.closed() == 0b1010);
  CHECK(bench.board.movements == 1);
  CHECK(bench.relays.reason(Relay::kLoad1) == Reason::kStartUp);
  CHECK(bench.relays.manual() == ManualRelays{.closed = 0b1010});
}

TEST_CASE("A software restart moves nothing, even if the last command is not on flash yet") {
  Bench bench;
  bench.board.is_software_restart = true;
  bench.board.positions = {false, true, true, true};
  const auto stored = GENERATE(std::optional<ManualRelays>{}, ManualRelays{.closed = 0b1111});
  bench.relays.start(stored);
  CHECK(bench.board.movements == 0);
  CHECK(bench.relays.manual().closed == 0b1110);
}

TEST_CASE("A factory reset holds the positions until the restart, then closes") {
  Bench bench;
  bench.relays.start(ManualRelays{.closed = 0b0000});
  bench.relays.forget_manual();
  CHECK(bench.relays.closed() == 0);
  const auto stored = bench.relays.manual();
  CHECK(stored == ManualRelays{.closed = 0b1111, .is_reset = true});

  Relays restarted(bench.board, bench.parameters);
  bench.board.is_software_restart = true;
  restarted.start(stored);
  CHECK(restarted.closed() == 0x0F);
  CHECK_FALSE(restarted.manual().is_reset);
}

TEST_CASE("Junk in the stored bits reaches no relay that does not exist") {
  Bench bench;
  bench.relays.start(ManualRelays{.closed = 0xF5});
  CHECK(bench.relays.closed() == 0b0101);
  CHECK(bench.relays.manual().closed == 0b0101);
}

}  // namespace alfaspark::control_test
