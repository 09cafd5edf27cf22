#include "simulator/event_loop.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>

#include "simulator/stop_signal.hpp"

namespace alfaspark::sim {
namespace {

using namespace std::chrono_literals;

/// How often time passes when nothing else wakes us.
constexpr int kTickMs = 5;
/// Virtual time between two looks at the clients' buffers.
constexpr Micros kSlice = 20 * kMillisecond;
/// Wall time between two looks at the sockets.
constexpr WallClock::duration kTurn = 20ms;
/// Virtual time further behind than this much wall time is not made up for.
constexpr double kLargestLagS = 1.0;

}  // namespace

EventLoop::EventLoop(Simulation& simulation, SlcanServer& slcan, ControlServer& control, ExternalBms* external_bms,
                     double speed)
    : simulation_(simulation), slcan_(slcan), control_(control), external_bms_(external_bms), speed_(speed) {
  simulation_.set_coarse_sampling(speed_ > kCoarseAboveSpeed);
}

void EventLoop::run(const std::function<void()>& on_ready) {
  StopSignal stop;
  on_ready();
  set_pace();
  bool busy = false;
  while (!stop.has_come()) {
    pollables_.assign({&stop});
    slcan_.collect(pollables_);
    control_.collect(pollables_);
    if (external_bms_ != nullptr) pollables_.push_back(external_bms_);
    wait(busy ? 0 : kTickMs);
    if (external_bms_ != nullptr) external_bms_->pump();
    busy = pass_time();
    slcan_.pump();
    slcan_.remove_gone_clients();
    control_.pump();
  }
}

void EventLoop::wait(int timeout_ms) {
  std::vector<pollfd> waiting;
  waiting.reserve(pollables_.size());
  for (const Pollable* pollable : pollables_) waiting.push_back({pollable->fd(), pollable->events(), 0});
  if (::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), timeout_ms) < 0) {
    if (errno == EINTR) return;
    throw std::runtime_error(describe_errno("poll"));
  }
  // What arrived arrived now: time first.
  if (!control_.advance_target()) follow_wall_clock();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].revents != 0) pollables_[i]->on_ready(waiting[i].revents);
  }
}

bool EventLoop::pass_time() {
  if (const auto target = control_.advance_target()) return advance(*target);
  return follow_wall_clock();
}

bool EventLoop::must_stand(bool fast) const {
  return slcan_.is_congested() || (fast && external_bms_ != nullptr && external_bms_->is_answering());
}

bool EventLoop::advance(Micros target) {
  simulation_.set_coarse_sampling(true);
  const bool arrived = run_for_a_while(target);
  set_pace();
  if (!arrived) return !must_stand(true);
  slcan_.pump();
  if (!slcan_.is_drained()) return false;
  control_.finish_advance();
  if (!control_.advance_target()) simulation_.set_coarse_sampling(speed_ > kCoarseAboveSpeed);
  return true;
}

bool EventLoop::follow_wall_clock() {
  const double elapsed_s = std::chrono::duration<double>(WallClock::now() - paced_since_).count();
  const Micros target = paced_from_ + static_cast<Micros>(elapsed_s * speed_ * 1e6);
  if (run_for_a_while(target)) return false;
  const double lag_s = static_cast<double>(target - simulation_.now()) / 1e6;
  if (lag_s > kLargestLagS * speed_) {
    if (!said_slow_) std::fprintf(stderr, "this machine cannot keep up: virtual time passes more slowly\n");
    said_slow_ = true;
    set_pace();
  }
  return !must_stand(speed_ > 1.0);
}

bool EventLoop::run_for_a_while(Micros target) {
  const bool fast = control_.advance_target().has_value() || speed_ > 1.0;
  const auto until = WallClock::now() + kTurn;
  while (simulation_.now() < target) {
    if (must_stand(fast) || WallClock::now() > until) return false;
    simulation_.run_until(std::min(target, simulation_.now() + kSlice));
    slcan_.pump();
  }
  return true;
}

void EventLoop::set_pace() {
  paced_from_ = simulation_.now();
  paced_since_ = WallClock::now();
}

}  // namespace alfaspark::sim
