// A connection to a client, with what waits to be sent to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "simulator/net/descriptor.hpp"

namespace alfaspark::sim {

/// Non-blocking in both directions. The buffer out grows with what is sent: its owner looks at `unsent` and stops.
class ByteStream {
 public:
  explicit ByteStream(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  [[nodiscard]] int fd() const { return descriptor_.get(); }
  /// False after an error, or when the other side closed.
  [[nodiscard]] bool is_open() const { return open_; }
  /// Appends what has arrived, at most 4096 bytes, to `into`.
  void receive(std::string& into);
  void send(std::string_view bytes);
  /// Hands to the system what it takes now.
  void flush();
  /// Forgets what is unsent, and that the other side closed: for a pty, which can be opened again.
  void reset();

  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
  /// How long the other side has taken nothing although something waits for it.
  [[nodiscard]] WallClock::duration stalled_for() const;

 private:
  Descriptor descriptor_;
  bool open_ = true;
  std::string out_;
  std::size_t sent_ = 0;
  WallClock::time_point progress_at_ = WallClock::now();
};

}  // namespace alfaspark::sim
