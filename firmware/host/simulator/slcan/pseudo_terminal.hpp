// A pseudo terminal that stands for a USB adapter's serial port.
#pragma once

#include <string>

#include "simulator/net/descriptor.hpp"

namespace alfaspark::sim {

/// The master's side, raw, with a link to the other side at a place of the user's choice. The link goes with the
/// object.
class PseudoTerminal {
 public:
  /// Replaces a link that is already there, but nothing else. Throws std::runtime_error with a sentence for the user.
  explicit PseudoTerminal(std::string link);
  ~PseudoTerminal();
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  [[nodiscard]] int fd() const { return master_.get(); }
  /// The master, to be read and written through; stays valid as long as this object.
  [[nodiscard]] Descriptor duplicate() const;
  /// Whether a program has the other side open.
  [[nodiscard]] bool is_in_use() const;
  /// Drops what is in the terminal's own buffers.
  void drop_buffered() const;

 private:
  std::string link_;
  std::string slave_;
  Descriptor master_;
};

}  // namespace alfaspark::sim
