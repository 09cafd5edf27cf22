// The bus as slcan adapters: one for every TCP client, and one behind a pseudo terminal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/net/tcp.hpp"
#include "simulator/slcan/connection.hpp"
#include "simulator/slcan/pseudo_terminal.hpp"

namespace alfaspark::sim {

class SlcanServer {
 public:
  /// Throws std::runtime_error with a sentence for the user.
  SlcanServer(const Endpoint& endpoint, const std::optional<std::string>& pty_link, CanBus& bus,
              const Timeline& timeline);
  ~SlcanServer();

  /// "HOST:PORT" with the real port.
  [[nodiscard]] std::string address() const { return address_; }
  void collect(std::vector<Pollable*>& pollables);
  /// Moves what waits, in both directions; to be called after every step of virtual time.
  void pump();
  /// Ends what `collect` gave of clients that are gone.
  void remove_gone_clients();
  /// A client has too much unread: virtual time should wait.
  [[nodiscard]] bool is_congested() const;
  /// Everything that happened on the bus has been handed to the system.
  [[nodiscard]] bool is_drained() const;

 private:
  class Listener;
  class TcpClient;
  class PtyClient;

  void accept_clients();

  CanBus& bus_;
  const Timeline& timeline_;
  std::string address_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<TcpClient>> clients_;
  std::unique_ptr<PtyClient> pty_;
};

}  // namespace alfaspark::sim
