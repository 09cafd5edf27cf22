#include "alfaspark/identity.hpp"

#include <charconv>

namespace alfaspark {

std::optional<Version> version_of(std::string_view text) {
  Version version;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint8_t* part : {&version.major, &version.minor, &version.patch}) {
    if (part != &version.major) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    const auto [rest, error] = std::from_chars(at, end, *part);
    if (error != std::errc{}) return std::nullopt;
    at = rest;
  }
  return version;
}

}  // namespace alfaspark
