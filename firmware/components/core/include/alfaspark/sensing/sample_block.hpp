// What the ADC delivers.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "alfaspark/identity.hpp"

namespace alfaspark {

/// Samples of one DMA block, already sorted by channel. Counts are 12-bit, biased to mid-range.
struct SampleBlock {
  std::array<std::span<const std::uint16_t>, kCurrentChannels> channels{};
  float sample_rate_hz = 0.0F;  ///< per channel, as measured
};

}  // namespace alfaspark
