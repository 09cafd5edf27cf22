#include "simulator/bms/external_bms.hpp"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace alfaspark::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSocketScheme = "socket://";
constexpr WallClock::duration kRetryInterval = 1s;
constexpr WallClock::duration kAnswerTimeout = 150ms;
constexpr WallClock::duration kEndOfAnswer = 10ms;
constexpr int kPatience = 3;

speed_t speed_of(std::uint32_t baud_rate) {
  switch (baud_rate) {
    case 19200:
      return B19200;
    case 38400:
      return B38400;
    case 57600:
      return B57600;
    case 115200:
      return B115200;
    default:
      return B9600;
  }
}

/// 8N1, raw. Does nothing on what is no terminal.
void configure(int fd, std::uint32_t baud_rate) {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return;
  ::cfmakeraw(&settings);
  settings.c_cflag |= static_cast<tcflag_t>(CLOCAL | CREAD);
  ::cfsetispeed(&settings, speed_of(baud_rate));
  ::cfsetospeed(&settings, speed_of(baud_rate));
  ::tcsetattr(fd, TCSANOW, &settings);
}

}  // namespace

ExternalBms::ExternalBms(const std::string& url) : url_(url) {
  if (url.starts_with(kSocketScheme)) {
    target_ = Endpoint::parse(std::string_view(url).substr(kSocketScheme.size()));
  } else {
    target_ = url;
  }
  line_ = open();
}

Descriptor ExternalBms::open() const {
  if (const auto* endpoint = std::get_if<Endpoint>(&target_)) return connect_to(*endpoint);
  Descriptor device(::open(std::get<std::string>(target_).c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK));
  if (!device.is_open()) throw std::runtime_error(describe_errno("cannot open the serial device " + url_));
  device.make_nonblocking();
  configure(device.get(), baud_rate_);
  return device;
}

void ExternalBms::set_baud_rate(std::uint32_t baud_rate) {
  if (baud_rate == baud_rate_) return;
  baud_rate_ = baud_rate;
  if (line_.is_open()) configure(line_.get(), baud_rate_);
}

void ExternalBms::write(std::span<const std::uint8_t> bytes) {
  if (!line_.is_open()) return;
  if (unanswered_ && missed_answers_ < kPatience) ++missed_answers_;
  unanswered_ = true;
  in_answer_ = false;
  asked_at_ = WallClock::now();
  // A request is a few bytes: it fits the buffer of any line that is read at all; else it is lost, as on a real one.
  if (::write(line_.get(), bytes.data(), bytes.size()) < 0 && errno != EAGAIN && errno != EINTR) {
    lose(describe_errno("writing"));
  }
}

short ExternalBms::events() const { return POLLIN; }

void ExternalBms::on_ready(short /*reported*/) {
  std::array<std::uint8_t, 512> buffer{};
  const ssize_t count = ::read(line_.get(), buffer.data(), buffer.size());
  if (count > 0) {
    unanswered_ = false;
    missed_answers_ = 0;
    in_answer_ = true;
    heard_at_ = WallClock::now();
    deliver(std::span(buffer).first(static_cast<std::size_t>(count)));
  } else if (count == 0) {
    lose("closed by the other side");
  } else if (errno != EAGAIN && errno != EINTR) {
    lose(describe_errno("reading"));
  }
}

void ExternalBms::lose(const std::string& reason) {
  std::fprintf(stderr, "bms: %s lost (%s), trying again\n", url_.c_str(), reason.c_str());
  line_.close();
  unanswered_ = false;
  in_answer_ = false;
  try_again_at_ = WallClock::now() + kRetryInterval;
}

void ExternalBms::pump() {
  if (line_.is_open() || WallClock::now() < try_again_at_) return;
  try {
    line_ = open();
    std::fprintf(stderr, "bms: %s is back\n", url_.c_str());
  } catch (const std::runtime_error&) {
    try_again_at_ = WallClock::now() + kRetryInterval;
  }
}

bool ExternalBms::is_answering() const {
  if (!line_.is_open() || missed_answers_ >= kPatience) return false;
  const auto now = WallClock::now();
  return unanswered_ ? now - asked_at_ < kAnswerTimeout : in_answer_ && now - heard_at_ < kEndOfAnswer;
}

}  // namespace alfaspark::sim
