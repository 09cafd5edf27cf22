#include "simulator/net/tcp.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>

namespace alfaspark::sim {
namespace {

constexpr int kConnectTimeoutMs = 2000;

void set_option(const Descriptor& socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket.get(), level, option, &on, sizeof on);
}

/// Tries `use` on a socket for each address of the endpoint until one succeeds.
Descriptor open_socket(const Endpoint& endpoint, int flags, const std::string& purpose,
                       const std::function<bool(const Descriptor&, const addrinfo&)>& use) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found); error != 0) {
    throw std::runtime_error(purpose + " " + endpoint.format() + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    Descriptor socket(::socket(address->ai_family, address->ai_socktype, address->ai_protocol));
    if (!socket.is_open()) continue;
    socket.make_nonblocking();
    if (use(socket, *address)) return socket;
  }
  throw std::runtime_error(describe_errno(purpose + " " + endpoint.format()));
}

bool connect_in_time(const Descriptor& socket, const addrinfo& address) {
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd waiting{socket.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, kConnectTimeoutMs) != 1) {
    errno = ETIMEDOUT;
    return false;
  }
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  return error == 0;
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text) {
  const auto complain = [&] { return std::invalid_argument(std::string(text) + " is not HOST:PORT"); };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw complain();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const bool is_number = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (host.empty() || port.empty() || port.size() > 5 || !is_number || std::stoi(std::string(port)) > 65535) {
    throw complain();
  }
  return {std::string(host), std::string(port)};
}

std::string Endpoint::format() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  std::string text(is_ipv6 ? "[" : "");
  return text.append(host).append(is_ipv6 ? "]:" : ":").append(port);
}

Descriptor listen_on(const Endpoint& endpoint) {
  return open_socket(endpoint, AI_PASSIVE, "cannot listen on", [](const Descriptor& socket, const addrinfo& address) {
    set_option(socket, SOL_SOCKET, SO_REUSEADDR);
    return ::bind(socket.get(), address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket.get(), SOMAXCONN) == 0;
  });
}

Descriptor connect_to(const Endpoint& endpoint) {
  Descriptor socket = open_socket(endpoint, 0, "cannot connect to", connect_in_time);
  set_option(socket, IPPROTO_TCP, TCP_NODELAY);
  return socket;
}

Descriptor accept_from(const Descriptor& listener) {
  Descriptor socket(::accept(listener.get(), nullptr, nullptr));
  if (socket.is_open()) {
    socket.make_nonblocking();
    set_option(socket, IPPROTO_TCP, TCP_NODELAY);
  }
  return socket;
}

void limit_send_buffer(const Descriptor& socket, int bytes) {
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

std::string port_of(const Descriptor& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return std::to_string(ntohs(v6.sin6_port));
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof v4);
  return std::to_string(ntohs(v4.sin_port));
}

}  // namespace alfaspark::sim
