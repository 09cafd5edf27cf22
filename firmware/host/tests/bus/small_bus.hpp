// A CAN bus small enough to be read: arbitration, one frame at a time, acknowledge, errors of equal identifiers, loss,
// pieces that are parted and joined.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "alfaspark/bus/bus_node.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark::bus_test {

constexpr Micros kTick = 5 * kMillisecond;
constexpr Micros kFrameTime = 250;   // of 8 bytes at 500 kbit/s
constexpr int kErrorsToBusOff = 32;  // in a row; a frame without acknowledge is none of them

/// Reproducible, and different for each seed.
class Dice final : public SystemPort {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t random() override { return static_cast<std::uint32_t>(engine_()); }
  void restart() override { ++restarts; }
  [[nodiscard]] LastRestart last_restart() const override { return last; }

  int restarts = 0;
  LastRestart last;

 private:
  std::mt19937 engine_;
};

/// Who is connected: told what happens on the bus.
class Station {
 public:
  virtual ~Station() = default;
  virtual void start(Micros now) = 0;
  virtual void tick(Micros now) = 0;
  virtual void on_frame(Micros now, const CanFrame& frame) = 0;
  virtual void on_transmitted(Micros now, bool sent) = 0;
  virtual void on_bus_off(Micros now) = 0;
  virtual void on_recovered(Micros now) = 0;
};

class Connection final : public CanPort {
 public:
  bool transmit(const CanFrame& frame, bool single_shot) override {
    if (pending || is_off) return false;
    pending = frame;
    is_single_shot = single_shot;
    return true;
  }
  bool abort() override {
    if (!pending || is_on_wire) return false;
    pending.reset();
    return true;
  }
  void recover() override { wants_recovery = true; }

  std::optional<CanFrame> pending;
  bool is_single_shot = false;
  bool is_on_wire = false;
  bool is_off = false;
  bool wants_recovery = false;
  int segment = 0;
  int errors = 0;  ///< in a row
  Micros starts_at = 0;
  bool is_powered = false;
  std::vector<CanFrame> late;  ///< received, and handed over after the next frame
  Station* station = nullptr;
};

struct Sent {
  Micros at = 0;
  std::size_t by = 0;  ///< index of the station
  CanFrame frame;
};

class SmallBus {
 public:
  /// A connection for a station that is attached later; the index is its number in the log.
  Connection& connect() { return *connections_.emplace_back(std::make_unique<Connection>()); }
  void attach(std::size_t index, Station& station, Micros starts_at = 0) {
    connections_[index]->station = &station;
    connections_[index]->starts_at = starts_at;
  }
  Connection& connection(std::size_t index) { return *connections_[index]; }
  void cut_power(std::size_t index) {
    auto& connection = *connections_[index];
    connection.is_powered = false;
    connection.starts_at = INT64_MAX;
    connection.pending.reset();
    connection.is_on_wire = false;
  }
  void go_bus_off(std::size_t index) {
    auto& connection = *connections_[index];
    connection.is_off = true;
    connection.errors = 0;
    connection.pending.reset();
    connection.is_on_wire = false;
    connection.station->on_bus_off(now);
  }

  void run(Micros duration) {
    const auto end = now + duration;
    while (now < end) {
      if (now % kTick == 0) tick();
      step();
      now += kFrameTime;
    }
  }

  /// A frame from outside, to every station of a segment.
  void inject(const CanFrame& frame, int segment = 0) { deliver(frame, segment, nullptr); }

  Micros now = 0;
  double loss = 0.0;                  ///< of each frame at each receiver
  double doubling = 0.0;              ///< received twice: a receiver saw an error that the sender repeated for
  double lateness = 0.0;              ///< received after the next frame: an adapter that buffers
  bool has_listening_adapter = true;  ///< acknowledges what nobody else does
  std::vector<Sent> log;

 private:
  void tick() {
    for (auto& connection : connections_) {
      if (!connection->is_powered && now >= connection->starts_at) {
        connection->is_powered = true;
        connection->station->start(now);
      }
      if (!connection->is_powered) continue;
      if (connection->wants_recovery) {
        connection->wants_recovery = false;
        connection->is_off = false;
        connection->station->on_recovered(now);
      }
      connection->station->tick(now);
    }
  }

  void step() {
    finish();
    begin();
  }

  static std::uint64_t key(const CanFrame& frame) {
    // As on the wire: 11 leading bits, then a bit that says extended, then the other 18.
    if (!frame.extended) return std::uint64_t{frame.id} << 19;
    return (std::uint64_t{frame.id} >> 18) << 19 | 1U << 18 | (frame.id & 0x3FFFFU);
  }

  void begin() {
    for (auto& connection : connections_) {
      if (!connection->pending || !connection->is_powered || connection->is_on_wire) continue;
      bool wins = true;
      for (const auto& other : connections_) {
        if (other != connection && other->pending && other->is_powered && other->segment == connection->segment &&
            key(*other->pending) < key(*connection->pending)) {
          wins = false;
        }
      }
      if (wins) connection->is_on_wire = true;
    }
  }

  void finish() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      auto& sender = *connections_[i];
      if (!sender.is_on_wire) continue;
      bool is_alone = !has_listening_adapter;
      bool has_error = false;
      for (std::size_t j = 0; j < connections_.size(); ++j) {
        const auto& other = *connections_[j];
        if (i == j || other.segment != sender.segment || !other.is_powered || other.is_off) continue;
        is_alone = false;
        has_error |= other.is_on_wire && other.pending->data != sender.pending->data;
      }
      if (has_error && ++sender.errors == kErrorsToBusOff) {
        go_bus_off(i);
        continue;
      }
      if (has_error || is_alone) continue;
      sender.errors = 0;
      const auto frame = *sender.pending;
      sender.pending.reset();
      sender.is_on_wire = false;
      log.push_back({now, i, frame});
      deliver(frame, sender.segment, &sender);
      sender.station->on_transmitted(now, true);
    }
    for (auto& connection : connections_) {  // whatever is still on the wire met an error
      if (!connection->is_on_wire) continue;
      connection->is_on_wire = false;
      if (connection->is_single_shot) {
        connection->pending.reset();
        connection->station->on_transmitted(now, false);
      }
    }
  }

  void deliver(const CanFrame& frame, int segment, const Connection* sender) {
    for (auto& connection : connections_) {
      if (connection.get() == sender || connection->segment != segment) continue;
      if (!connection->is_powered || connection->is_off) continue;
      if (happens(loss)) continue;
      if (happens(lateness)) {
        connection->late.push_back(frame);
        continue;
      }
      connection->station->on_frame(now, frame);
      if (happens(doubling)) connection->station->on_frame(now, frame);
      for (const auto& late : std::exchange(connection->late, {})) connection->station->on_frame(now, late);
    }
  }

  bool happens(double share) { return share > 0 && std::uniform_real_distribution<>()(noise_) < share; }

  std::vector<std::unique_ptr<Connection>> connections_;
  std::mt19937 noise_{1};
};

/// The bus side of a device alone, as a station.
class NodeStation final : public Station {
 public:
  NodeStation(SmallBus& bus, const Identity& identity, std::optional<std::uint8_t> stored, std::uint32_t seed = 1)
      : connection_(bus.connect()),
        dice_(seed + static_cast<std::uint32_t>(identity.serial)),
        identity_(identity),
        stored_(stored),
        node_(std::make_unique<BusNode>(identity, connection_, dice_)) {}

  void start(Micros now) override {
    node_ = std::make_unique<BusNode>(identity_, connection_, dice_);
    node_->start(now, static_cast<std::uint16_t>(dice_.random()), stored_);
  }
  void tick(Micros now) override { node_->tick(now, 0); }
  void on_frame(Micros now, const CanFrame& frame) override { node_->on_frame(now, frame); }
  void on_transmitted(Micros now, bool sent) override { node_->on_transmitted(now, sent); }
  void on_bus_off(Micros now) override { node_->on_bus_off(now); }
  void on_recovered(Micros now) override { node_->on_recovered(now); }

  [[nodiscard]] std::uint64_t serial() const { return identity_.serial; }
  BusNode& operator*() { return *node_; }
  BusNode* operator->() { return node_.get(); }

 private:
  Connection& connection_;
  Dice dice_;
  Identity identity_;
  std::optional<std::uint8_t> stored_;
  std::unique_ptr<BusNode> node_;
};

/// Some devices of one kind on a bus, all attached and started.
class NodesOnBus {
 public:
  SmallBus bus;
  std::vector<std::unique_ptr<NodeStation>> nodes;

  NodeStation& add(std::uint64_t serial, std::optional<std::uint8_t> stored, Micros starts_at = 0,
                   frames::DeviceType type = frames::DeviceType::kEnergyPack) {
    const Identity identity{.serial = serial, .device_type = type, .firmware = {1, 2, 3}};
    nodes.push_back(std::make_unique<NodeStation>(bus, identity, stored));
    bus.attach(nodes.size() - 1, *nodes.back(), starts_at);
    return *nodes.back();
  }

  [[nodiscard]] std::vector<std::uint8_t> numbers() const {
    std::vector<std::uint8_t> numbers;
    for (const auto& node : nodes) numbers.push_back((*node)->node());
    return numbers;
  }
};

}  // namespace alfaspark::bus_test
