// What a host may ask of a pack, and what it answers (protocol, COMMAND).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/control/clock.hpp"
#include "alfaspark/control/command_memory.hpp"
#include "alfaspark/control/relays.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/indicators/indicators.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class Commands {
 public:
  struct Outcome {
    std::optional<frames::Response> response{};
    bool is_who = false;  ///< answer with CLAIM and ANNOUNCE
    bool setting_accepted = false;
  };

  Commands(Clock& clock, Relays& relays, const Parameters& parameters, Indicators& indicators)
      : clock_(clock), relays_(relays), parameters_(parameters), indicators_(indicators) {}

  /// `payload`: the bytes of a COMMAND or SERVICE meant for this node, or, with `to_all`, for every node.
  Outcome execute(Micros now, std::span<const std::uint8_t> payload, bool to_all);

 private:
  struct Answer {
    frames::Result result = frames::Result::kAccepted;
    std::uint8_t detail = 0;
    std::uint32_t value = 0;
  };
  struct Call {
    Micros now;
    std::span<const std::uint8_t> payload;
    bool to_all;
  };
  struct Entry {
    frames::Command command;
    std::uint8_t length;
    bool allowed_to_all;
    bool is_setting;
    Answer (Commands::*execute)(const Call&);  ///< nullptr: known, not carried by this firmware
  };
  static const Entry* entry_of(std::uint8_t command);

  void set_time(const Call& call);
  Answer answer(const Entry* entry, const Call& call);
  Answer set_relay(const Call& call);
  Answer get_parameter(const Call& call);
  Answer identify(const Call& call);

  Clock& clock_;
  Relays& relays_;
  const Parameters& parameters_;
  Indicators& indicators_;
  CommandMemory memory_;
};

}  // namespace alfaspark
