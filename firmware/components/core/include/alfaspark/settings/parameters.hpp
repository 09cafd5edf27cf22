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
  Parameters() { values_ = defaults(); }

  [[nodiscard]] std::int32_t get(Parameter parameter) const { return values_[static_cast<std::size_t>(parameter)]; }

  /// By the index of a frame; nullopt if the table has no such parameter.
  [[nodiscard]] std::optional<std::int32_t> at(std::uint8_t index) const {
    if (index >= values_.size()) return std::nullopt;
    return values_[index];
  }

  /// False, and nothing changes, if the value is outside the parameter's range or breaks an order (kParameterOrders).
  bool set(Parameter parameter, std::int32_t value);

  /// Takes every value that is in its range; where two of them break an order, both go back to their defaults. False
  /// if a value was not taken.
  bool restore(const std::array<std::int32_t, kParameters.size()>& values);

  /// To the defaults, but for what was calibrated.
  void reset();

  [[nodiscard]] static std::array<std::int32_t, kParameters.size()> defaults();

 private:
  std::array<std::int32_t, kParameters.size()> values_{};
};

/// Of four parameters in the order of the channels, `first` being the grid's: that of a channel (0..3).
constexpr Parameter of_channel(Parameter first, std::size_t channel) {
  return static_cast<Parameter>(static_cast<std::size_t>(first) + channel);
}

/// Gains of the CTs: found with a reference instrument, so a factory reset leaves them.
constexpr bool is_calibration(Parameter parameter) {
  return parameter >= Parameter::kCtGainGrid && parameter <= Parameter::kCtGainLoad2;
}

}  // namespace alfaspark
