#include "simulator/slcan/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): posix_openpt is POSIX, not C++
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace alfaspark::sim {
namespace {

/// Without this the terminal would echo, and turn carriage returns into line feeds.
void make_raw(const std::string& slave) {
  const Descriptor terminal(::open(slave.c_str(), O_RDWR | O_NOCTTY));
  termios settings{};
  if (!terminal.is_open() || ::tcgetattr(terminal.get(), &settings) != 0) {
    throw std::runtime_error(describe_errno("cannot open the pseudo terminal " + slave));
  }
  ::cfmakeraw(&settings);
  ::tcsetattr(terminal.get(), TCSANOW, &settings);
}

void make_link(const std::string& slave, const std::string& link) {
  struct stat found{};
  if (::lstat(link.c_str(), &found) == 0) {
    if (!S_ISLNK(found.st_mode)) throw std::runtime_error("--pty " + link + ": there is something else than a link");
    ::unlink(link.c_str());
  }
  if (::symlink(slave.c_str(), link.c_str()) != 0) throw std::runtime_error(describe_errno("--pty " + link));
}

}  // namespace

PseudoTerminal::PseudoTerminal(std::string link) : link_(std::move(link)), master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
  if (!master_.is_open() || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0) {
    throw std::runtime_error(describe_errno("cannot make a pseudo terminal"));
  }
  slave_ = ::ptsname(master_.get());
  make_raw(slave_);
  master_.make_nonblocking();
  make_link(slave_, link_);
}

PseudoTerminal::~PseudoTerminal() {
  std::array<char, 256> target{};
  const ssize_t length = ::readlink(link_.c_str(), target.data(), target.size());
  // Another simulator may have taken the place over.
  if (length > 0 && std::string(target.data(), static_cast<std::size_t>(length)) == slave_) ::unlink(link_.c_str());
}

Descriptor PseudoTerminal::duplicate() const { return Descriptor(::fcntl(master_.get(), F_DUPFD_CLOEXEC, 0)); }

bool PseudoTerminal::is_in_use() const {
  pollfd state{master_.get(), POLLIN, 0};
  return ::poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
}

void PseudoTerminal::drop_buffered() const { ::tcflush(master_.get(), TCIOFLUSH); }

}  // namespace alfaspark::sim
