// Lets virtual time pass, and serves the clients meanwhile.
#pragma once

#include <functional>
#include <vector>

#include "simulator/bms/external_bms.hpp"
#include "simulator/control/server.hpp"
#include "simulator/net/descriptor.hpp"
#include "simulator/simulation.hpp"
#include "simulator/slcan/server.hpp"

namespace alfaspark::sim {

/// One thread. Virtual time follows the wall clock times `speed`, or runs as fast as it can towards what a control
/// client asked for; it stands while a slcan client is congested or an external BMS is answering faster time.
class EventLoop {
 public:
  static constexpr double kCoarseAboveSpeed = 10.0;

  /// `speed` 0: time stands but for what control clients ask for. `external_bms` may be nullptr.
  EventLoop(Simulation& simulation, SlcanServer& slcan, ControlServer& control, ExternalBms* external_bms,
            double speed);

  /// Until SIGINT or SIGTERM; calls `on_ready` as soon as these end it cleanly. Throws std::runtime_error if the system
  /// refuses to wait.
  void run(const std::function<void()>& on_ready);

 private:
  void wait(int timeout_ms);
  /// True if there is more to do at once.
  bool pass_time();
  bool advance(Micros target);
  bool follow_wall_clock();
  /// Runs in steps until `target`, or until it has taken long enough; true if it got there.
  bool run_for_a_while(Micros target);
  void set_pace();
  [[nodiscard]] bool must_stand(bool fast) const;

  Simulation& simulation_;
  SlcanServer& slcan_;
  ControlServer& control_;
  ExternalBms* external_bms_;
  double speed_;
  Micros paced_from_ = 0;  ///< virtual time at `paced_since_`
  WallClock::time_point paced_since_;
  bool said_slow_ = false;
  std::vector<Pollable*> pollables_;
};

}  // namespace alfaspark::sim
