// Who owns each relay, and why it is where it is. So far there is one owner: the hand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/parameters.hpp"
#include "alfaspark/settings/settings.hpp"

namespace alfaspark {

class Relays {
 public:
  static constexpr std::size_t kCount = kCurrentChannels;
  /// Bits of frames::Relay, 1 = closed: power reaches the house until somebody decides otherwise.
  static constexpr std::uint8_t kFactoryDefault = 0x0F;

  struct Verdict {
    frames::Result result = frames::Result::kAccepted;
    frames::Reason reason = frames::Reason::kStartUp;  ///< for refused and busy
  };

  Relays(RelayPort& port, const Parameters& parameters) : port_(port), parameters_(parameters) {}

  /// After a software restart nothing moves: where the relays are is what the hand wanted last. After a power cut or a
  /// factory reset they go to the stored manual states; nullopt: none were ever stored.
  void start(std::optional<ManualRelays> stored);
  /// The inputs were valid once: what was held over the start is the hand's from now on.
  void end_start_up();
  /// By hand; busy within the minimum time after the last movement by hand. Where the relay already is, always
  /// accepted.
  Verdict set_manual(Micros now, frames::Relay relay, bool closed);
  /// Forgets the manual states; the relays stay where they are until the next restart or command.
  void forget_manual();

  /// Bits, 1 = closed: where the relays are.
  [[nodiscard]] std::uint8_t closed() const;
  /// What the hand wants, to be stored.
  [[nodiscard]] ManualRelays manual() const { return manual_; }
  [[nodiscard]] frames::Reason reason(frames::Relay relay) const { return reasons_[static_cast<std::size_t>(relay)]; }

 private:
  RelayPort& port_;
  const Parameters& parameters_;
  ManualRelays manual_{.closed = kFactoryDefault};
  std::array<frames::Reason, kCount> reasons_{};
  std::array<std::optional<Micros>, kCount> moved_at_{};
};

}  // namespace alfaspark
