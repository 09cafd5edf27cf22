// The control socket: JSON lines in, one JSON line for each out.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/net/tcp.hpp"
#include "simulator/simulation.hpp"

namespace alfaspark::sim {

class ControlServer {
 public:
  /// Throws std::runtime_error with a sentence for the user.
  ControlServer(const Endpoint& endpoint, Simulation& simulation);
  ~ControlServer();

  /// "HOST:PORT" with the real port.
  [[nodiscard]] std::string address() const { return address_; }
  void collect(std::vector<Pollable*>& pollables);
  /// Answers what has come in meanwhile, and ends what `collect` gave of clients that are gone.
  void pump();

  /// Where a client wants virtual time to be, as fast as it can get there; of several clients one after the other.
  [[nodiscard]] std::optional<Micros> advance_target();
  /// The target was reached and everything delivered: answers the client.
  void finish_advance();

 private:
  class Listener;
  class Client;

  void accept_clients();
  [[nodiscard]] std::string execute(std::string_view line, Client& client);

  Simulation& simulation_;
  std::string address_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<Client*> advancing_;
  std::optional<Micros> target_;  ///< of the first of them
};

}  // namespace alfaspark::sim
