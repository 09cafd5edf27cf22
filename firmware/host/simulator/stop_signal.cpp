#include "simulator/stop_signal.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace alfaspark::sim {
namespace {

volatile std::sig_atomic_t wake_fd = -1;

extern "C" void on_stop_signal(int /*signal*/) {
  const int saved = errno;
  const char byte = 0;
  static_cast<void>(!::write(wake_fd, &byte, 1));
  errno = saved;
}

void set_action(int signal, void (*action)(int)) {
  struct sigaction request{};
  request.sa_handler = action;
  ::sigaction(signal, &request, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error(describe_errno("cannot make a pipe"));
  reading_ = Descriptor(ends[0]);
  writing_ = Descriptor(ends[1]);
  reading_.make_nonblocking();
  writing_.make_nonblocking();
  wake_fd = writing_.get();
  set_action(SIGINT, on_stop_signal);
  set_action(SIGTERM, on_stop_signal);
  set_action(SIGPIPE, SIG_IGN);  // a client that is gone is seen where it is written to
}

StopSignal::~StopSignal() {
  set_action(SIGINT, SIG_DFL);
  set_action(SIGTERM, SIG_DFL);
  wake_fd = -1;
}

short StopSignal::events() const { return POLLIN; }

void StopSignal::on_ready(short /*reported*/) { has_come_ = true; }

}  // namespace alfaspark::sim
