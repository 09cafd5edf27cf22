// What a device is and what is soldered to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "alfaspark/generated/frames.hpp"

namespace alfaspark {

constexpr std::size_t kCurrentChannels = 4;

/// CT channels and the relays behind them share this order.
enum class Channel : std::uint8_t { kGrid, kInverter, kLoad1, kLoad2 };

struct Version {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint8_t patch = 0;
};

/// Of "major.minor.patch", whatever follows; nullopt for anything else.
[[nodiscard]] std::optional<Version> version_of(std::string_view text);

struct Identity {
  std::uint64_t serial = 0;  ///< 48 bits: the chip's MAC address
  frames::DeviceType device_type = frames::DeviceType::kEnergyPack;
  Version firmware{};
};

/// Fixed by the board's design; calibration (a gain per channel) comes on top.
struct Hardware {
  std::array<float, kCurrentChannels> amperes_per_count{};  ///< ADC counts to ampere at gain 1
  std::uint16_t clip_low_count = 8;                         ///< at or below: the input is clipped
  std::uint16_t clip_high_count = 4087;                     ///< at or above: the input is clipped
  bool grid_sense_fitted = true;
  float nominal_frequency_hz = 50.0F;
};

}  // namespace alfaspark
