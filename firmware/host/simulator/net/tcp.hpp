// TCP over the POSIX socket interface.
#pragma once

#include <string>
#include <string_view>

#include "simulator/net/descriptor.hpp"

namespace alfaspark::sim {

struct Endpoint {
  std::string host;
  std::string port;  ///< 0..65535 as digits; 0 lets the system choose when listening

  /// Reads "HOST:PORT" or "[IPV6]:PORT". Throws std::invalid_argument with a sentence for the user.
  static Endpoint parse(std::string_view text);
  [[nodiscard]] std::string format() const;
};

/// A listening, non-blocking socket. Throws std::runtime_error with a sentence for the user.
Descriptor listen_on(const Endpoint& endpoint);
/// A connected, non-blocking socket; waits at most 2 s. Throws std::runtime_error with a sentence for the user.
Descriptor connect_to(const Endpoint& endpoint);
/// The next waiting connection, non-blocking and without Nagle's delay; not open if there is none.
Descriptor accept_from(const Descriptor& listener);
/// Lets the system hold no more than about so many unread bytes for the other side.
void limit_send_buffer(const Descriptor& socket, int bytes);
/// The port that a listening socket really has.
std::string port_of(const Descriptor& listener);

}  // namespace alfaspark::sim
