// Files and sockets as the event loop sees them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace alfaspark::sim {

using WallClock = std::chrono::steady_clock;

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();
  int release();
  /// Reads and writes return at once, and a child process does not inherit it.
  void make_nonblocking() const;

 private:
  int fd_ = -1;
};

/// Something that the event loop waits for.
class Pollable {
 public:
  virtual ~Pollable() = default;
  /// Negative: nothing to wait for at present.
  [[nodiscard]] virtual int fd() const = 0;
  /// What to wait for, as for poll(2).
  [[nodiscard]] virtual short events() const = 0;
  /// What poll(2) reported; never 0.
  virtual void on_ready(short reported) = 0;
};

/// "what: reason", with the reason of errno.
std::string describe_errno(const std::string& what);

}  // namespace alfaspark::sim
