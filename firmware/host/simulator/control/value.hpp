// Checked values of control keys. All throw std::invalid_argument with a sentence that says what the key takes.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "simulator/control/json.hpp"

namespace alfaspark::sim {

struct Range {
  double low;
  double high;
};

/// The member of that name; nullptr if there is none.
const Json* find_member(const Json::Object& object, std::string_view name);
/// Refuses members with other names.
void expect_members(const Json::Object& object, const std::string& key, std::initializer_list<std::string_view> names);
const Json::Object& take_object(const std::string& key, const Json& value);
bool take_bool(const std::string& key, const Json& value);
double take_number(const std::string& key, const Json& value, Range range);
std::size_t take_index(const std::string& key, const Json& value, std::size_t count);
const std::string& take_string(const std::string& key, const Json& value);
/// nullopt for null: back to the profile.
std::optional<double> take_number_or_null(const std::string& key, const Json& value, Range range);

[[noreturn]] void refuse(const std::string& key, const std::string& takes);

/// One of a few words.
template <typename Value, std::size_t kCount>
Value take_word(const std::string& key, const Json& value,
                const std::array<std::pair<std::string_view, Value>, kCount>& words) {
  std::string takes;
  for (const auto& [word, meaning] : words) {
    if (const std::string* text = value.as_string(); text != nullptr && *text == word) return meaning;
    takes.append(takes.empty() ? "" : ", ").append("\"").append(word).append("\"");
  }
  refuse(key, (kCount == 1 ? "" : "one of ") + takes);
}

}  // namespace alfaspark::sim
