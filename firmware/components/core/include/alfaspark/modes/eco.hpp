// Holds the power of the house under a limit by opening load relays, and gives them back.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/frames.hpp"
#include "alfaspark/identity.hpp"
#include "alfaspark/ports.hpp"
#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {

class Eco {
 public:
  static constexpr Micros kEvaluation = 2 * kSecond;

  struct Inputs {
    bool is_on = false;
    std::optional<float> home_w;
    std::array<std::optional<float>, kCurrentChannels> powers_w{};  ///< by frames::Relay
    std::uint8_t closed = 0;                                        ///< bits of frames::Relay
  };

  explicit Eco(const Parameters& parameters) : parameters_(parameters) {}

  /// `shed`: what it had opened before the start.
  void start(Micros now, std::uint8_t shed);
  void update(Micros now, const Inputs& inputs);
  /// The hand decided about this relay: it is no longer one that eco gave back.
  void on_hand(frames::Relay relay);

  void forget() { shed_ = restored_ = 0; }

  /// Bits of frames::Relay: to be open because of the limit.
  [[nodiscard]] std::uint8_t shed() const { return shed_; }
  /// Bits of frames::Relay: given back.
  [[nodiscard]] std::uint8_t restored() const { return restored_; }
  /// Over the limit with nothing left to shed.
  [[nodiscard]] bool is_loads_limit() const { return is_loads_limit_; }

 private:
  /// The heater first, the pump next, the inverter output only where the owner allowed it; given back in reverse.
  static constexpr std::array<frames::Relay, 3> kShedOrder{frames::Relay::kLoad2, frames::Relay::kLoad1,
                                                           frames::Relay::kInverter};

  void learn_powers(const Inputs& inputs);
  void evaluate(Micros now, const Inputs& inputs, float home_w);
  [[nodiscard]] bool shed_next(Micros now, std::uint8_t closed);
  void restore_next(Micros now, float home_w);
  void give_back(std::uint8_t relays);
  [[nodiscard]] bool may_shed(frames::Relay relay) const;
  [[nodiscard]] float limit_w() const;
  [[nodiscard]] Micros seconds(Parameter parameter) const { return parameters_.get(parameter) * kSecond; }

  const Parameters& parameters_;
  std::uint8_t shed_ = 0;
  std::uint8_t restored_ = 0;
  std::uint8_t was_closed_ = 0;
  bool is_loads_limit_ = false;
  Micros evaluate_at_ = 0;
  std::optional<Micros> stepped_at_;
  std::array<Micros, kCurrentChannels> shed_at_{};
  /// The most that flowed in the last time it was closed; 0 where that is not known, so that it is tried.
  std::array<float, kCurrentChannels> last_power_w_{};
};

}  // namespace alfaspark
