#include "alfaspark/modes/eco.hpp"

#include <algorithm>

namespace alfaspark {

using frames::Relay;

namespace {

std::size_t index_of(Relay relay) { return static_cast<std::size_t>(relay); }

}  // namespace

void Eco::start(Micros now, std::uint8_t shed) {
  shed_ = shed;
  evaluate_at_ = now;
  shed_at_.fill(now);
}

void Eco::on_hand(Relay relay) { restored_ = static_cast<std::uint8_t>(restored_ & ~bit(relay)); }

void Eco::update(Micros now, const Inputs& inputs) {
  learn_powers(inputs);
  if (!inputs.is_on) {
    give_back(shed_);
    is_loads_limit_ = false;
    return;
  }
  if (!may_shed(Relay::kInverter)) give_back(static_cast<std::uint8_t>(shed_ & bit(Relay::kInverter)));
  if (now < evaluate_at_ || !inputs.home_w) return;
  evaluate_at_ = now + kEvaluation;
  evaluate(now, inputs, *inputs.home_w);
}

void Eco::learn_powers(const Inputs& inputs) {
  for (const Relay relay : kShedOrder) {
    auto& last_w = last_power_w_[index_of(relay)];
    if ((inputs.closed & bit(relay)) == 0) continue;
    if ((was_closed_ & bit(relay)) == 0) last_w = 0.0F;
    last_w = std::max(last_w, inputs.powers_w[index_of(relay)].value_or(0.0F));
  }
  was_closed_ = inputs.closed;
}

void Eco::evaluate(Micros now, const Inputs& inputs, float home_w) {
  const bool is_over = home_w > limit_w();
  if (!is_over) is_loads_limit_ = false;
  if (stepped_at_ && now - *stepped_at_ < seconds(Parameter::kEcoStepTime)) return;
  if (is_over) {
    is_loads_limit_ = !shed_next(now, inputs.closed);
  } else {
    restore_next(now, home_w);
  }
}

bool Eco::shed_next(Micros now, std::uint8_t closed) {
  const auto candidate = std::ranges::find_if(kShedOrder, [&](Relay relay) {
    return may_shed(relay) && (closed & bit(relay)) != 0 && (shed_ & bit(relay)) == 0;
  });
  if (candidate == kShedOrder.end()) return false;
  shed_ = static_cast<std::uint8_t>(shed_ | bit(*candidate));
  restored_ = static_cast<std::uint8_t>(restored_ & ~bit(*candidate));
  shed_at_[index_of(*candidate)] = now;
  stepped_at_ = now;
  return true;
}

void Eco::restore_next(Micros now, float home_w) {
  const auto last =
      std::find_if(kShedOrder.rbegin(), kShedOrder.rend(), [this](Relay relay) { return (shed_ & bit(relay)) != 0; });
  if (last == kShedOrder.rend()) return;
  constexpr float kWhole = 1000.0F;
  const auto margin = static_cast<float>(parameters_.get(Parameter::kEcoMargin)) / kWhole;
  const bool fits = home_w + last_power_w_[index_of(*last)] <= limit_w() * (1.0F - margin);
  if (!fits || now - shed_at_[index_of(*last)] < seconds(Parameter::kEcoMinOffTime)) return;
  give_back(bit(*last));
  stepped_at_ = now;
}

void Eco::give_back(std::uint8_t relays) {
  shed_ = static_cast<std::uint8_t>(shed_ & ~relays);
  restored_ = static_cast<std::uint8_t>(restored_ | relays);
}

bool Eco::may_shed(Relay relay) const {
  return relay != Relay::kInverter || parameters_.get(Parameter::kEcoShedInverter) != 0;
}

float Eco::limit_w() const { return static_cast<float>(parameters_.get(Parameter::kEcoLimit)); }

}  // namespace alfaspark
