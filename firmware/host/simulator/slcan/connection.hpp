// One client's byte stream and its adapter.
#pragma once

#include <cstddef>
#include <string>

#include "simulator/net/byte_stream.hpp"
#include "simulator/slcan/adapter.hpp"

namespace alfaspark::sim {

/// Bounded in both directions: a client that sends more than the bus carries is not read, one that reads too little is
/// congested, and virtual time waits for it.
class SlcanConnection {
 public:
  static constexpr std::size_t kCongestedAbove = std::size_t{256} * 1024;
  static constexpr std::size_t kUnansweredAtMost = std::size_t{64} * 1024;

  SlcanConnection(Descriptor descriptor, CanBus& bus, const Timeline& timeline)
      : stream_(std::move(descriptor)), adapter_(bus, timeline) {}

  ByteStream& stream() { return stream_; }
  [[nodiscard]] const ByteStream& stream() const { return stream_; }
  SlcanAdapter& adapter() { return adapter_; }

  [[nodiscard]] short events() const;
  /// Reads what has arrived, and acts on it.
  void receive();
  /// Acts on what had to wait, and sends what is there to send.
  void pump();
  /// The client is gone: forgets what it would still have got.
  void hang_up();

  [[nodiscard]] bool is_congested() const { return stream_.unsent() > kCongestedAbove; }

 private:
  [[nodiscard]] bool wants_input() const;

  ByteStream stream_;
  SlcanAdapter adapter_;
  std::string input_;
};

}  // namespace alfaspark::sim
