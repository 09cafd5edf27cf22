// What a host may ask of a pack, and what it answers (protocol, COMMAND).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "alfaspark/bus/bus_node.hpp"
#include "alfaspark/control/clock.hpp"
#include "alfaspark/control/command_memory.hpp"
#include "alfaspark/control/grid_loss_log.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/indicators/indicators.hpp"
#include "alfaspark/modes/relay_control.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/sensing/sensing.hpp"
#include "alfaspark/settings/mode_settings.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class Commands {
 public:
  /// What commands act on.
  struct Subjects {
    const Identity& identity;
    const BusNode& bus;
    const Sensing& sensing;
    Clock& clock;
    RelayControl& relays;
    Parameters& parameters;
    ModeSettings& modes;
    Indicators& indicators;
    GridLossLog& grid_losses;
  };

  /// What is left to do for the pack as a whole.
  enum class Request : std::uint8_t { kNone, kAnswerWho, kRestart, kFactoryReset };

  struct Outcome {
    std::optional<frames::Response> response{};
    Request request = Request::kNone;
    bool setting_accepted = false;
  };

  explicit Commands(const Subjects& subjects) : subjects_(subjects) {}

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
    bool packs_only;  ///< a gateway has no relays and no battery
    Request request;  ///< once it was accepted
    Answer (Commands::*execute)(const Call&);
  };
  static const Entry* entry_of(std::uint8_t command);

  void set_time(const Call& call);
  Answer answer(const Entry* entry, const Call& call);
  Answer set_mode(const Call& call);
  Answer set_relay(const Call& call);
  Answer set_parameter(const Call& call);
  Answer get_parameter(const Call& call);
  Answer set_window(const Call& call);
  Answer get_window(const Call& call);
  Answer read_grid_losses(const Call& call);
  Answer restore_import(const Call& call);
  Answer reset_import(const Call& call);
  Answer identify(const Call& call);
  Answer restart(const Call& call);
  Answer factory_reset(const Call& call);
  Answer calibrate(const Call& call);

  Subjects subjects_;
  CommandMemory memory_;
};

}  // namespace alfaspark
