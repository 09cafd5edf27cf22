// The windows of time of use.
#pragma once

#include <cstdint>

#include "alfaspark/settings/mode_settings.hpp"

namespace alfaspark {

/// Whether a local time (seconds since 1970) lies in one of the windows.
[[nodiscard]] bool is_inside_windows(const ModeSettings& settings, std::int64_t local_s);

[[nodiscard]] bool has_windows(const ModeSettings& settings);

}  // namespace alfaspark
