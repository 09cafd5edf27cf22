// Whatever comes over CAN, at whatever times.
#include <algorithm>

#include "fuzzed_pack.hpp"
#include "input.hpp"

using alfaspark::CanFrame;
using alfaspark::kMillisecond;
using alfaspark::kSecond;
using alfaspark::fuzz::FuzzedPack;
using alfaspark::fuzz::Input;

namespace {

CanFrame frame_of(Input& input, std::uint8_t own_node) {
  CanFrame frame;
  const auto kind = input.byte();
  frame.extended = (kind & 1U) != 0;
  frame.id = input.word() & (frame.extended ? 0x1FFFFFFFU : 0x7FFU);
  // Random identifiers rarely name this node: help them.
  if ((kind & 2U) != 0 && !frame.extended) frame.id = (frame.id & 0x780U) | own_node;
  if ((kind & 4U) != 0 && frame.extended) frame.id = 0x18000000U | (frame.id & 0xFFFFFFU);
  frame.length = static_cast<std::uint8_t>((kind >> 4U) % 9U);
  std::ranges::copy(input.bytes(frame.length), frame.data.begin());
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  alfaspark::control_test::Flash flash;
  FuzzedPack fuzzed(flash);
  fuzzed.pack.start(0);
  fuzzed.run(kSecond);
  for (int events = 0; !input.is_empty() && events < 200; ++events) {
    switch (const auto what = input.byte(); what % 8U) {
      case 0:
        fuzzed.run((what >> 3U) * 20 * kMillisecond);
        break;
      case 1:
        fuzzed.pack.on_can_bus_off(fuzzed.now);
        fuzzed.nowhere.is_sending = false;
        break;
      case 2:
        fuzzed.pack.on_can_recovered(fuzzed.now);
        break;
      default:
        fuzzed.pack.on_can_frame(fuzzed.now, frame_of(input, fuzzed.pack.node()));
    }
    alfaspark::fuzz::require(fuzzed.pack.node() <= 126);
  }
  fuzzed.run(100 * kMillisecond);
  alfaspark::fuzz::require(fuzzed.pack.grid_losses().size() <= 1);  // no pulse ever came
  return 0;
}
