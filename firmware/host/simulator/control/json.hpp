// A small strict JSON reader and writer (RFC 8259), so that the simulator builds with a compiler and nothing else.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace alfaspark::sim {

/// What is wrong with a text that should be JSON, with the position in bytes.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A JSON value. Objects keep the order of their members; a name occurs once.
class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  // Defined below: they need the whole of Member. Implicit, so that an answer can be written as a braced list.
  // NOLINTBEGIN(google-explicit-constructor)
  Json();
  Json(std::nullptr_t);
  Json(bool value);
  Json(double value);
  Json(int value);
  Json(std::string value);
  Json(const char* value);
  Json(Array value);
  Json(Object value);
  // NOLINTEND(google-explicit-constructor)

  /// Reads exactly one value, nothing but white space around it. At most 16 levels deep. Throws JsonError.
  static Json parse(std::string_view text);
  /// One line, no white space but after ':' and ','.
  [[nodiscard]] std::string write() const;

  /// nullptr where the value has another type.
  [[nodiscard]] const bool* as_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const double* as_number() const { return std::get_if<double>(&value_); }
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* as_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* as_object() const { return std::get_if<Object>(&value_); }
  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }

 private:
  void write_to(std::string& out) const;

  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> value_;
};

struct Json::Member {
  std::string name;
  Json value;
};

inline Json::Json() = default;
inline Json::Json(std::nullptr_t) {}
inline Json::Json(bool value) : value_(value) {}
inline Json::Json(double value) : value_(value) {}
inline Json::Json(int value) : value_(static_cast<double>(value)) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(Array value) : value_(std::move(value)) {}
inline Json::Json(Object value) : value_(std::move(value)) {}

/// A number as it should be read by people: rounded to `decimals` places.
Json rounded(double value, int decimals);

}  // namespace alfaspark::sim
