// From the counts of the ADC to ampere.
#pragma once

namespace alfaspark::board {

/// A current transformer with its burden.
struct CurrentTransformer {
  float turns = 2000.0F;  ///< secondary turns for one primary turn
  float burden_ohm = 31.0F;
};

/// What one count of the ADC means in the primary, in A.
constexpr float amperes_per_count(const CurrentTransformer& transformer, float volt_per_count) {
  return volt_per_count / transformer.burden_ohm * transformer.turns;
}

}  // namespace alfaspark::board
