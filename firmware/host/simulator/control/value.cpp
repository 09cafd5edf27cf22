#include "simulator/control/value.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace alfaspark::sim {
namespace {

std::string describe(Range range) { return "a number " + Json(range.low).write() + " to " + Json(range.high).write(); }

}  // namespace

void refuse(const std::string& key, const std::string& takes) {
  throw std::invalid_argument("\"" + key + "\" takes " + takes);
}

const Json* find_member(const Json::Object& object, std::string_view name) {
  const auto found =
      std::find_if(object.begin(), object.end(), [&](const Json::Member& member) { return member.name == name; });
  return found == object.end() ? nullptr : &found->value;
}

void expect_members(const Json::Object& object, const std::string& key, std::initializer_list<std::string_view> names) {
  for (const Json::Member& member : object) {
    if (std::find(names.begin(), names.end(), member.name) != names.end()) continue;
    throw std::invalid_argument("\"" + key + "\" has no \"" + member.name + "\"");
  }
}

const Json::Object& take_object(const std::string& key, const Json& value) {
  const Json::Object* object = value.as_object();
  if (object == nullptr) refuse(key, "an object");
  return *object;
}

bool take_bool(const std::string& key, const Json& value) {
  const bool* truth = value.as_bool();
  if (truth == nullptr) refuse(key, "true or false");
  return *truth;
}

double take_number(const std::string& key, const Json& value, Range range) {
  const double* number = value.as_number();
  if (number == nullptr || !(*number >= range.low && *number <= range.high)) refuse(key, describe(range));
  return *number;
}

std::size_t take_index(const std::string& key, const Json& value, std::size_t count) {
  const double* number = value.as_number();
  if (number == nullptr || *number != std::floor(*number) || *number < 0.0 || *number >= static_cast<double>(count)) {
    refuse(key, "a whole number 0 to " + std::to_string(count - 1));
  }
  return static_cast<std::size_t>(*number);
}

const std::string& take_string(const std::string& key, const Json& value) {
  const std::string* text = value.as_string();
  if (text == nullptr) refuse(key, "a string");
  return *text;
}

std::optional<double> take_number_or_null(const std::string& key, const Json& value, Range range) {
  if (value.is_null()) return std::nullopt;
  const double* number = value.as_number();
  if (number == nullptr || !(*number >= range.low && *number <= range.high)) refuse(key, describe(range) + ", or null");
  return *number;
}

}  // namespace alfaspark::sim
