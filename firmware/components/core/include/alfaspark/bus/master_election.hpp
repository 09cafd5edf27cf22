// Which node speaks for the fleet (protocol, "Presence and master").
#pragma once

#include <cstdint>

#include "alfaspark/bus/presence.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class MasterElection {
 public:
  /// By then every other node was heard: they announce themselves every 10 s.
  static constexpr Micros kMayActAfter = 11 * kSecond;

  explicit MasterElection(frames::DeviceType own_type) : own_type_(own_type) {}

  void start(Micros now) { started_at_ = now; }
  /// `own_node`: 0 while none is held; such a device is no master and knows none. True if the role or master changed.
  bool update(Micros now, std::uint8_t own_node, const Presence& presence);

  [[nodiscard]] bool is_master() const { return is_master_; }
  /// Node number, 0 = none yet.
  [[nodiscard]] std::uint8_t master() const { return master_; }

 private:
  frames::DeviceType own_type_;
  Micros started_at_ = 0;
  bool is_master_ = false;
  std::uint8_t master_ = 0;
};

}  // namespace alfaspark
