#include "alfaspark/control/command_memory.hpp"

#include <algorithm>

namespace alfaspark {

const CommandMemory::Entry* CommandMemory::find(Micros now, std::span<const std::uint8_t> payload) const {
  const auto is_same = [&](const Entry& entry) {
    return entry.length != 0 && now - entry.at < kRemembered &&
           std::ranges::equal(std::span(entry.bytes).first(entry.length), payload);
  };
  const auto found = std::find_if(entries_.begin(), entries_.end(), is_same);
  return found == entries_.end() ? nullptr : &*found;
}

void CommandMemory::remember(Micros now, std::span<const std::uint8_t> payload,
                             const std::optional<frames::Response>& response) {
  auto& entry = entries_[next_];
  next_ = (next_ + 1) % kCapacity;
  entry = {.at = now, .length = static_cast<std::uint8_t>(payload.size()), .bytes = {}, .response = response};
  std::ranges::copy(payload, entry.bytes.begin());
}

}  // namespace alfaspark
