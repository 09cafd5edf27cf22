#include "simulator/slcan/server.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdio>

namespace alfaspark::sim {
namespace {

using namespace std::chrono_literals;

/// A client that takes nothing for so long is as good as gone.
constexpr WallClock::duration kPatience = 15s;
/// What a client sent just before it closed goes out; on a bus where nothing can be sent, not for ever.
constexpr WallClock::duration kLinger = 1s;
/// Nothing wakes us when a program opens the pseudo terminal.
constexpr WallClock::duration kPtyLookInterval = 50ms;
constexpr std::size_t kClientsAtMost = 64;
/// The system's own buffer grows to megabytes, which are hours of a bus: time would run far ahead of a slow client.
constexpr int kSystemBuffer = 256 * 1024;

}  // namespace

class SlcanServer::Listener final : public Pollable {
 public:
  Listener(Descriptor socket, SlcanServer& server) : socket_(std::move(socket)), server_(server) {}
  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] short events() const override { return POLLIN; }
  void on_ready(short /*reported*/) override { server_.accept_clients(); }
  [[nodiscard]] const Descriptor& socket() const { return socket_; }

 private:
  Descriptor socket_;
  SlcanServer& server_;
};

class SlcanServer::TcpClient final : public Pollable {
 public:
  TcpClient(Descriptor socket, CanBus& bus, const Timeline& timeline) : connection_(std::move(socket), bus, timeline) {}

  [[nodiscard]] int fd() const override { return gone_ ? -1 : connection_.stream().fd(); }
  [[nodiscard]] short events() const override { return connection_.events(); }
  void on_ready(short /*reported*/) override {
    connection_.receive();
    look_for_end();
  }
  void pump() {
    if (gone_) return;
    connection_.pump();
    look_for_end();
  }
  SlcanConnection& connection() { return connection_; }
  [[nodiscard]] bool is_finished() {
    return gone_ && (connection_.adapter().is_idle() || WallClock::now() - gone_since_ > kLinger);
  }

 private:
  void look_for_end() {
    if (connection_.stream().stalled_for() > kPatience) {
      std::fprintf(stderr, "slcan: a client that reads nothing was disconnected\n");
    } else if (connection_.stream().is_open()) {
      return;
    }
    gone_ = true;
    gone_since_ = WallClock::now();
    connection_.hang_up();
  }

  SlcanConnection connection_;
  bool gone_ = false;
  WallClock::time_point gone_since_;
};

class SlcanServer::PtyClient final : public Pollable {
 public:
  PtyClient(const std::string& link, CanBus& bus, const Timeline& timeline)
      : terminal_(link), connection_(terminal_.duplicate(), bus, timeline) {}

  [[nodiscard]] int fd() const override { return in_use_ ? connection_.stream().fd() : -1; }
  [[nodiscard]] short events() const override { return connection_.events(); }
  void on_ready(short reported) override {
    // Bytes may still be there after the program has closed its side.
    if ((reported & POLLIN) != 0) {
      connection_.receive();
    } else if ((reported & (POLLHUP | POLLERR)) != 0 || !connection_.stream().is_open()) {
      hang_up();
    }
  }
  void pump() {
    if (in_use_) {
      connection_.pump();
      if (!connection_.stream().is_open() || connection_.stream().stalled_for() > kPatience) hang_up();
    } else if (WallClock::now() - looked_at_ > kPtyLookInterval) {
      looked_at_ = WallClock::now();
      in_use_ = terminal_.is_in_use();
    }
  }
  SlcanConnection& connection() { return connection_; }

 private:
  void hang_up() {
    connection_.hang_up();
    terminal_.drop_buffered();
    in_use_ = false;
  }

  PseudoTerminal terminal_;
  SlcanConnection connection_;
  bool in_use_ = false;
  WallClock::time_point looked_at_;
};

SlcanServer::SlcanServer(const Endpoint& endpoint, const std::optional<std::string>& pty_link, CanBus& bus,
                         const Timeline& timeline)
    : bus_(bus), timeline_(timeline) {
  listener_ = std::make_unique<Listener>(listen_on(endpoint), *this);
  address_ = Endpoint{endpoint.host, port_of(listener_->socket())}.format();
  if (pty_link) pty_ = std::make_unique<PtyClient>(*pty_link, bus, timeline);
}

SlcanServer::~SlcanServer() = default;

void SlcanServer::collect(std::vector<Pollable*>& pollables) {
  pollables.push_back(listener_.get());
  for (const auto& client : clients_) pollables.push_back(client.get());
  if (pty_) pollables.push_back(pty_.get());
}

void SlcanServer::accept_clients() {
  for (Descriptor socket = accept_from(listener_->socket()); socket.is_open();
       socket = accept_from(listener_->socket())) {
    if (clients_.size() >= kClientsAtMost) continue;  // closes it
    limit_send_buffer(socket, kSystemBuffer);
    clients_.push_back(std::make_unique<TcpClient>(std::move(socket), bus_, timeline_));
  }
}

void SlcanServer::pump() {
  for (const auto& client : clients_) client->pump();
  if (pty_) pty_->pump();
}

void SlcanServer::remove_gone_clients() {
  std::erase_if(clients_, [](const auto& client) { return client->is_finished(); });
}

bool SlcanServer::is_congested() const {
  return (pty_ && pty_->connection().is_congested()) ||
         std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->connection().is_congested(); });
}

bool SlcanServer::is_drained() const {
  const auto is_empty = [](SlcanConnection& connection) {
    return connection.stream().unsent() == 0 && connection.adapter().output().empty();
  };
  return (!pty_ || is_empty(pty_->connection())) &&
         std::all_of(clients_.begin(), clients_.end(),
                     [&](const auto& client) { return is_empty(client->connection()); });
}

}  // namespace alfaspark::sim
