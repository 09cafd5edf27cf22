#include "simulator/net/byte_stream.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace alfaspark::sim {
namespace {

constexpr std::size_t kCompactAbove = std::size_t{64} * 1024;

bool is_temporary() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

void ByteStream::receive(std::string& into) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::read(fd(), buffer.data(), buffer.size());
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || !is_temporary()) {
    open_ = false;
  }
}

void ByteStream::send(std::string_view bytes) {
  if (unsent() == 0) progress_at_ = WallClock::now();
  out_.append(bytes);
}

void ByteStream::flush() {
  while (open_ && unsent() > 0) {
    const ssize_t count = ::write(fd(), out_.data() + sent_, unsent());
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
      progress_at_ = WallClock::now();
    } else {
      if (!is_temporary()) open_ = false;
      break;
    }
  }
  if (unsent() == 0) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > kCompactAbove) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
}

void ByteStream::reset() {
  out_.clear();
  sent_ = 0;
  open_ = true;
}

WallClock::duration ByteStream::stalled_for() const {
  return unsent() == 0 ? WallClock::duration::zero() : WallClock::now() - progress_at_;
}

}  // namespace alfaspark::sim
