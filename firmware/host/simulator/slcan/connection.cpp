#include "simulator/slcan/connection.hpp"

#include <poll.h>

namespace alfaspark::sim {

bool SlcanConnection::wants_input() const {
  return input_.empty() && adapter_.has_room() && stream_.unsent() < kUnansweredAtMost;
}

short SlcanConnection::events() const {
  return static_cast<short>((wants_input() ? POLLIN : 0) | (stream_.unsent() > 0 ? POLLOUT : 0));
}

void SlcanConnection::receive() {
  if (wants_input()) stream_.receive(input_);
  pump();
}

void SlcanConnection::pump() {
  adapter_.receive(input_);
  if (!adapter_.output().empty()) {
    stream_.send(adapter_.output());
    adapter_.output().clear();
  }
  stream_.flush();
}

void SlcanConnection::hang_up() {
  adapter_.hang_up();
  adapter_.output().clear();
  stream_.reset();
  input_.clear();
}

}  // namespace alfaspark::sim
