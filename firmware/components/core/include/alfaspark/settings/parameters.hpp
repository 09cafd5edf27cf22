// The values of the parameter table in this pack: what everything else asks instead of a constant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/generated/parameters.hpp"

namespace alfaspark {

/// Every parameter, at its default until set. Units and ranges are those of the table (kParameters).
class Parameters {
 public:
  Parameters() {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = kParameters[i].default_value;
  }

  [[nodiscard]] std::int32_t get(Parameter parameter) const { return values_[static_cast<std::size_t>(parameter)]; }

  /// By the index of a frame; nullopt if the table has no such parameter.
  [[nodiscard]] std::optional<std::int32_t> at(std::uint8_t index) const {
    if (index >= values_.size()) return std::nullopt;
    return values_[index];
  }

  /// False, and nothing changes, if the value is outside the parameter's range.
  bool set(Parameter parameter, std::int32_t value) {
    const auto index = static_cast<std::size_t>(parameter);
    if (index >= values_.size() || value < kParameters[index].minimum || value > kParameters[index].maximum)
      return false;
    values_[index] = value;
    return true;
  }

 private:
  std::array<std::int32_t, kParameters.size()> values_{};
};

}  // namespace alfaspark
