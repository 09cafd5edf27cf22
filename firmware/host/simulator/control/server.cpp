#include "simulator/control/server.hpp"

#include <poll.h>

#include <algorithm>
#include <exception>

#include "simulator/control/json.hpp"
#include "simulator/control/request.hpp"
#include "simulator/control/truth.hpp"
#include "simulator/net/byte_stream.hpp"

namespace alfaspark::sim {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} * 1024;
constexpr std::size_t kUnreadAtMost = std::size_t{256} * 1024;
constexpr std::size_t kClientsAtMost = 64;

std::string error_line(const std::string& problem) { return Json(Json::Object{{"error", problem}}).write() + "\n"; }

}  // namespace

class ControlServer::Listener final : public Pollable {
 public:
  Listener(Descriptor socket, ControlServer& server) : socket_(std::move(socket)), server_(server) {}
  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] short events() const override { return POLLIN; }
  void on_ready(short /*reported*/) override { server_.accept_clients(); }
  [[nodiscard]] const Descriptor& socket() const { return socket_; }

 private:
  Descriptor socket_;
  ControlServer& server_;
};

/// Lines are executed one after the other; while one waits for virtual time, those after it wait too.
class ControlServer::Client final : public Pollable {
 public:
  Client(Descriptor socket, ControlServer& server) : stream_(std::move(socket)), server_(server) {}

  [[nodiscard]] int fd() const override { return stream_.fd(); }
  [[nodiscard]] short events() const override {
    return static_cast<short>((wants_input() ? POLLIN : 0) | (stream_.unsent() > 0 ? POLLOUT : 0));
  }
  void on_ready(short reported) override {
    if (wants_input() && (reported & POLLIN) != 0) {
      stream_.receive(input_);
    } else if ((reported & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      lost_ = true;
    }
    pump();
  }
  void pump() {
    while (!waiting_ && stream_.unsent() < kUnreadAtMost && execute_next_line()) {
    }
    stream_.flush();
  }
  void wait_for(const Request& request) {
    waiting_ = true;
    request_ = request;
  }
  void stop_waiting(const std::string& answer) {
    waiting_ = false;
    stream_.send(answer);
    pump();
  }
  [[nodiscard]] const Request& request() const { return request_; }
  /// Also a client that only closed its sending side gets the answers to what it sent.
  [[nodiscard]] bool is_gone() const { return lost_ || (!stream_.is_open() && !waiting_ && stream_.unsent() == 0); }

 private:
  [[nodiscard]] bool wants_input() const {
    return stream_.is_open() && !waiting_ && input_.size() <= kLongestLine && stream_.unsent() < kUnreadAtMost;
  }

  bool execute_next_line() {
    const std::size_t end = input_.find('\n');
    if (end == std::string::npos) {
      if (input_.size() <= kLongestLine) return false;
      if (!overlong_) stream_.send(error_line("the line is longer than 64 KiB"));
      overlong_ = true;
      input_.clear();
      return false;
    }
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (overlong_) {
      overlong_ = false;  // the rest of a line that was already answered
    } else {
      stream_.send(server_.execute(line, *this));
    }
    return true;
  }

  ByteStream stream_;
  ControlServer& server_;
  std::string input_;
  Request request_;
  bool waiting_ = false;
  bool overlong_ = false;
  bool lost_ = false;
};

ControlServer::ControlServer(const Endpoint& endpoint, Simulation& simulation) : simulation_(simulation) {
  listener_ = std::make_unique<Listener>(listen_on(endpoint), *this);
  address_ = Endpoint{endpoint.host, port_of(listener_->socket())}.format();
}

ControlServer::~ControlServer() = default;

void ControlServer::collect(std::vector<Pollable*>& pollables) {
  pollables.push_back(listener_.get());
  for (const auto& client : clients_) pollables.push_back(client.get());
}

void ControlServer::accept_clients() {
  for (Descriptor socket = accept_from(listener_->socket()); socket.is_open();
       socket = accept_from(listener_->socket())) {
    if (clients_.size() >= kClientsAtMost) continue;  // closes it
    clients_.push_back(std::make_unique<Client>(std::move(socket), *this));
  }
}

void ControlServer::pump() {
  for (const auto& client : clients_) client->pump();
  std::erase_if(clients_, [this](const auto& client) {
    if (!client->is_gone()) return false;
    if (!advancing_.empty() && advancing_.front() == client.get()) target_.reset();
    std::erase(advancing_, client.get());
    return true;
  });
}

/// The answer's line; empty where it comes later.
std::string ControlServer::execute(std::string_view line, Client& client) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return "";
  try {
    const Request request = parse_request(Json::parse(line), simulation_);
    for (const auto& effect : request.effects) effect();
    if (request.advance) {
      client.wait_for(request);
      advancing_.push_back(&client);
      return "";
    }
    return (request.wants_truth ? truth(simulation_) : Json(Json::Object{{"ok", true}})).write() + "\n";
  } catch (const std::exception& problem) {
    return error_line(problem.what());
  }
}

std::optional<Micros> ControlServer::advance_target() {
  if (!target_ && !advancing_.empty()) target_ = simulation_.now() + *advancing_.front()->request().advance;
  return target_;
}

void ControlServer::finish_advance() {
  Client& client = *advancing_.front();
  advancing_.pop_front();
  target_.reset();
  const Json answer = client.request().wants_truth ? truth(simulation_) : Json(Json::Object{{"ok", true}});
  client.stop_waiting(answer.write() + "\n");
}

}  // namespace alfaspark::sim
