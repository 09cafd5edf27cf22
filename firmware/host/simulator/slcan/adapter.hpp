// A USB-to-CAN adapter that speaks slcan, as one client sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "simulator/bus/can_bus.hpp"
#include "simulator/time/timeline.hpp"

namespace alfaspark::sim {

/// The commands of LAWICEL's CANUSB, with the tolerance that python-can 4.6 needs: empty lines, `O` when open, `C` when
/// closed. Answers are a carriage return, or BEL for what cannot be done. What a client sends before it closes still
/// goes out.
class SlcanAdapter final : public Station {
 public:
  static constexpr std::size_t kQueueLength = 64;  ///< frames; then the client has to wait

  SlcanAdapter(CanBus& bus, const Timeline& timeline) : bus_(bus), timeline_(timeline) {}
  ~SlcanAdapter() override;

  /// Takes bytes from the client, leaving in `input` what has to wait until the queue has room.
  void receive(std::string& input);
  /// What is to be sent to the client; the caller empties it.
  std::string& output() { return output_; }
  /// The client is gone: what is queued goes out, nothing comes in.
  void hang_up();

  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] bool has_room() const { return queue_.size() < kQueueLength; }
  [[nodiscard]] bool is_idle() const { return queue_.empty(); }

 private:
  enum class Answer : std::uint8_t { kDone, kRefused, kGiven };  ///< kGiven: the output has it already

  void on_frame(const BusFrame& frame) override;
  void on_transmitted(bool sent) override;
  void on_bus_off() override;
  void on_recovered() override;

  void execute(std::string_view line);
  Answer answer_to(std::string_view line);
  Answer set_bit_rate(std::string_view line);
  Answer open_channel(bool listen_only);
  Answer send_frame(std::string_view line);
  Answer status_flags();
  void offer_next();
  void leave_when_idle();

  CanBus& bus_;
  const Timeline& timeline_;
  bool attached_ = false;
  bool open_ = false;
  bool listen_only_ = false;
  bool timestamps_ = false;
  bool said_deaf_ = false;  ///< that it hears nothing at its bit rate: once is enough
  bool line_too_long_ = false;
  std::uint32_t bit_rate_bps_ = kBitRateBps;
  std::string line_;
  std::string output_;
  std::deque<BusFrame> queue_;
};

}  // namespace alfaspark::sim
