// The command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "simulator/net/tcp.hpp"
#include "simulator/time/local_time.hpp"

namespace alfaspark::sim {

struct Options {
  std::size_t packs = 3;
  std::size_t gateways = 0;
  std::optional<std::uint64_t> seed;
  double speed = 1.0;
  std::optional<LocalTime> start;
  std::optional<std::filesystem::path> scenario;
  Endpoint slcan{"127.0.0.1", "0"};
  std::optional<std::string> pty;
  Endpoint control{"127.0.0.1", "0"};
  std::optional<std::string> bms;
  bool equal_numbers = false;
  std::vector<std::uint64_t> serials;
  std::optional<std::filesystem::path> storage;
  bool help = false;
};

/// Throws std::invalid_argument with a sentence for the user.
Options parse_options(const std::vector<std::string>& arguments);
const char* usage();

}  // namespace alfaspark::sim
