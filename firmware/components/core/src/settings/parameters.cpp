#include "alfaspark/settings/parameters.hpp"

namespace alfaspark {
namespace {

bool is_in_range(std::size_t index, std::int32_t value) {
  return index < kParameters.size() && value >= kParameters[index].minimum && value <= kParameters[index].maximum;
}

}  // namespace

std::array<std::int32_t, kParameters.size()> Parameters::defaults() {
  std::array<std::int32_t, kParameters.size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = kParameters[i].default_value;
  return values;
}

bool Parameters::set(Parameter parameter, std::int32_t value) {
  if (!is_in_range(static_cast<std::size_t>(parameter), value)) return false;
  for (const auto& order : kParameterOrders) {
    const auto lower = parameter == order.lower ? value : get(order.lower);
    const auto upper = parameter == order.upper ? value : get(order.upper);
    const bool concerns = parameter == order.lower || parameter == order.upper;
    if (concerns && lower + order.by > upper) return false;
  }
  values_[static_cast<std::size_t>(parameter)] = value;
  return true;
}

bool Parameters::restore(const std::array<std::int32_t, kParameters.size()>& values) {
  bool all_taken = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool taken = is_in_range(i, values[i]);
    if (taken) values_[i] = values[i];
    all_taken = all_taken && taken;
  }
  for (const auto& order : kParameterOrders) {
    auto& lower = values_[static_cast<std::size_t>(order.lower)];
    auto& upper = values_[static_cast<std::size_t>(order.upper)];
    if (lower + order.by <= upper) continue;
    lower = kParameters[static_cast<std::size_t>(order.lower)].default_value;
    upper = kParameters[static_cast<std::size_t>(order.upper)].default_value;
    all_taken = false;
  }
  return all_taken;
}

void Parameters::reset() {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (!is_calibration(static_cast<Parameter>(i))) values_[i] = kParameters[i].default_value;
  }
}

}  // namespace alfaspark
