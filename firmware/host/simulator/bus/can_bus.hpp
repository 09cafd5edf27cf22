// The simulated CAN bus: arbitration, bit times, errors, and the pieces that it can be torn into.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/bus/bus_frame.hpp"
#include "simulator/random.hpp"
#include "simulator/time/timeline.hpp"

namespace alfaspark::sim {

constexpr int kBitRateBps = 500'000;
constexpr Micros kBitTime = kSecond / kBitRateBps;

class CanBus;

/// A CAN controller on the bus: a pack's, or that of a client's adapter. Holds at most one frame to send.
class Station {
 public:
  Station() = default;
  virtual ~Station() = default;
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  [[nodiscard]] bool is_sending() const { return pending_.has_value(); }
  [[nodiscard]] bool is_bus_off() const { return bus_off_; }
  /// The transmit error counter, 0..255; from 96 a warning, from 128 error passive (ISO 11898-1).
  [[nodiscard]] int transmit_errors() const { return transmit_errors_; }

 protected:
  /// A frame of another station arrived whole.
  virtual void on_frame(const BusFrame& frame) = 0;
  /// The frame that was offered is gone: sent, or (single shot) given up after an error or a lost arbitration.
  virtual void on_transmitted(bool sent) = 0;
  /// The error counter passed its end; the offered frame is lost.
  virtual void on_bus_off() = 0;
  virtual void on_recovered() = 0;

 private:
  friend class CanBus;
  struct Pending {
    BusFrame frame;
    bool single_shot = false;
  };

  std::optional<Pending> pending_;
  std::uint64_t attachment_ = 0;  ///< 0: not on the bus; new at each attachment, so that old events find nobody
  std::size_t segment_ = 0;
  bool on_wire_ = false;
  bool bus_off_ = false;
  int transmit_errors_ = 0;
};

/// How bad the bus is. Probabilities 0..1.
struct BusQuality {
  double drop = 0.0;     ///< that a receiver misses a frame, each for itself (its FIFO ran over)
  double corrupt = 0.0;  ///< that a frame is destroyed: all receivers see a CRC error, the sender's controller repeats
  bool acknowledged = true;  ///< other equipment on every segment acknowledges; else a lone station is never heard
};

class CanBus {
 public:
  static constexpr std::size_t kSegments = 16;

  CanBus(Timeline& timeline, Random random) : timeline_(timeline), random_(random) {}

  void attach(Station& station, std::size_t segment);
  /// Its frame, also one on the wire, is lost.
  void detach(Station& station);
  /// Moves a station, attached or not, to another piece of the bus.
  void move(Station& station, std::size_t segment);

  /// Takes a frame to send; false if one is pending, or the station is bus-off or not on the bus.
  bool offer(Station& station, const BusFrame& frame, bool single_shot);
  /// Takes the frame back; false if there is none or it is on the wire.
  bool withdraw(Station& station);
  /// Throws the station into bus-off.
  void force_bus_off(Station& station);
  /// 128 x 11 recessive bits until the station is back.
  void recover(Station& station);

  BusQuality& quality() { return quality_; }
  /// After a change of `quality`.
  void retry();
  /// Frames that arrived whole since the start, all segments.
  [[nodiscard]] std::uint64_t frames_carried() const { return frames_carried_; }

 private:
  struct Segment {
    Micros idle_at = 0;
    bool arbitration_due = false;
    bool busy = false;
    std::vector<Station*> senders;  ///< of the frame on the wire
  };

  void request_arbitration(std::size_t segment);
  void arbitrate(std::size_t segment);
  void give_up_losers(std::size_t segment);
  [[nodiscard]] bool is_acknowledged(std::size_t segment, const std::vector<Station*>& senders) const;
  void complete(std::size_t segment, bool damaged);
  void finish_failed(Station& station);
  void deliver(const BusFrame& frame, std::size_t segment, const std::vector<Station*>& senders);
  void take_off_wire(Station& station);
  void enter_bus_off(Station& station);

  Timeline& timeline_;
  Random random_;
  BusQuality quality_;
  std::vector<Station*> stations_;
  std::array<Segment, kSegments> segments_;
  std::uint64_t next_attachment_ = 1;
  std::uint64_t frames_carried_ = 0;
};

}  // namespace alfaspark::sim
