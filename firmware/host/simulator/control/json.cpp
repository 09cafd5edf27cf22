#include "simulator/control/json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace alfaspark::sim {
namespace {

constexpr int kMaximumDepth = 16;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Json document() {
    Json value = read_value(0);
    skip_space();
    if (position_ != text_.size()) fail("unexpected text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw JsonError("not JSON: " + problem + " at byte " + std::to_string(position_));
  }

  [[nodiscard]] char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  void skip_space() {
    while (position_ < text_.size() && std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos) {
      ++position_;
    }
  }

  void expect(char wanted) {
    if (peek() != wanted || position_ >= text_.size()) fail(std::string("expected '") + wanted + "'");
    ++position_;
  }

  bool take_word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) return false;
    position_ += word.size();
    return true;
  }

  Json read_value(int depth) {
    if (depth >= kMaximumDepth) fail("nested too deeply");
    skip_space();
    switch (peek()) {
      case '{':
        return read_object(depth);
      case '[':
        return read_array(depth);
      case '"':
        return read_string();
      default:
        break;
    }
    if (take_word("true")) return true;
    if (take_word("false")) return false;
    if (take_word("null")) return nullptr;
    return read_number();
  }

  Json read_object(int depth) {
    Json::Object members;
    expect('{');
    skip_space();
    if (peek() == '}') {
      ++position_;
      return members;
    }
    while (true) {
      skip_space();
      std::string name = read_string();
      if (std::any_of(members.begin(), members.end(), [&](const auto& member) { return member.name == name; })) {
        fail("the name \"" + name + "\" occurs twice");
      }
      skip_space();
      expect(':');
      members.push_back({std::move(name), read_value(depth + 1)});
      skip_space();
      if (peek() != ',') break;
      ++position_;
    }
    expect('}');
    return members;
  }

  Json read_array(int depth) {
    Json::Array values;
    expect('[');
    skip_space();
    if (peek() == ']') {
      ++position_;
      return values;
    }
    while (true) {
      values.push_back(read_value(depth + 1));
      skip_space();
      if (peek() != ',') break;
      ++position_;
    }
    expect(']');
    return values;
  }

  std::size_t skip_digits() {
    const std::size_t start = position_;
    while (peek() >= '0' && peek() <= '9') ++position_;
    return position_ - start;
  }

  Json read_number() {
    const std::size_t start = position_;
    if (peek() == '-') ++position_;
    const bool leading_zero = peek() == '0';
    const std::size_t digits = skip_digits();
    if (digits == 0 || (leading_zero && digits > 1)) {
      position_ = start;
      fail("expected a value");
    }
    if (peek() == '.') {
      ++position_;
      if (skip_digits() == 0) fail("expected a digit");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++position_;
      if (peek() == '+' || peek() == '-') ++position_;
      if (skip_digits() == 0) fail("expected a digit");
    }
    // The grammar above is the check; strtod only converts, and the "C" locale is never left.
    const double value = std::strtod(std::string(text_.substr(start, position_ - start)).c_str(), nullptr);
    if (!std::isfinite(value)) fail("number out of range");
    return value;
  }

  std::string read_string() {
    if (peek() != '"') fail("expected a string");
    ++position_;
    std::string out;
    while (true) {
      if (position_ >= text_.size()) fail("unterminated string");
      const auto byte = static_cast<unsigned char>(text_[position_]);
      if (byte == '"') {
        ++position_;
        return out;
      }
      if (byte < 0x20) fail("control character in a string");
      if (byte == '\\') {
        ++position_;
        read_escape(out);
      } else if (byte < 0x80) {
        out.push_back(static_cast<char>(byte));
        ++position_;
      } else {
        read_utf8(out);
      }
    }
  }

  void read_escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = peek();
    if (position_ < text_.size()) ++position_;
    if (name == 'u') {
      append_utf8(out, read_code_point());
      return;
    }
    const std::size_t index = kNames.find(name);
    if (name == '\0' || index == std::string_view::npos) fail("unknown escape");
    out.push_back(kMeanings[index]);
  }

  std::uint32_t read_hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char digit = peek();
      value <<= 4U;
      if (digit >= '0' && digit <= '9') {
        value |= static_cast<std::uint32_t>(digit - '0');
      } else if (digit >= 'a' && digit <= 'f') {
        value |= static_cast<std::uint32_t>(digit - 'a' + 10);
      } else if (digit >= 'A' && digit <= 'F') {
        value |= static_cast<std::uint32_t>(digit - 'A' + 10);
      } else {
        fail("expected four hexadecimal digits");
      }
      ++position_;
    }
    return value;
  }

  std::uint32_t read_code_point() {
    const std::uint32_t high = read_hex4();
    if (high >= 0xDC00 && high <= 0xDFFF) fail("lone surrogate");
    if (high < 0xD800 || high > 0xDBFF) return high;
    if (!take_word("\\u")) fail("lone surrogate");
    const std::uint32_t low = read_hex4();
    if (low < 0xDC00 || low > 0xDFFF) fail("lone surrogate");
    return 0x10000 + ((high - 0xD800) << 10U) + (low - 0xDC00);
  }

  static void append_utf8(std::string& out, std::uint32_t code_point) {
    const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code_point < 0x80) {
      put(code_point);
    } else if (code_point < 0x800) {
      put(0xC0 | (code_point >> 6U));
      put(0x80 | (code_point & 0x3FU));
    } else if (code_point < 0x10000) {
      put(0xE0 | (code_point >> 12U));
      put(0x80 | ((code_point >> 6U) & 0x3FU));
      put(0x80 | (code_point & 0x3FU));
    } else {
      put(0xF0 | (code_point >> 18U));
      put(0x80 | ((code_point >> 12U) & 0x3FU));
      put(0x80 | ((code_point >> 6U) & 0x3FU));
      put(0x80 | (code_point & 0x3FU));
    }
  }

  /// One multi-byte character, refused where RFC 3629 refuses it (overlong, surrogate, above U+10FFFF).
  void read_utf8(std::string& out) {
    const auto byte_at = [this](std::size_t offset) -> std::uint32_t {
      return position_ + offset < text_.size() ? static_cast<unsigned char>(text_[position_ + offset]) : 0U;
    };
    const std::uint32_t lead = byte_at(0);
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    std::uint32_t code_point = lead & (0xFFU >> (length + 1));
    bool valid = lead >= 0xC2 && lead <= 0xF4;
    for (std::size_t i = 1; i < length; ++i) {
      valid = valid && (byte_at(i) & 0xC0U) == 0x80U;
      code_point = (code_point << 6U) | (byte_at(i) & 0x3FU);
    }
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (!valid || surrogate || code_point < kSmallest[length] || code_point > 0x10FFFF) fail("invalid UTF-8");
    out.append(text_.substr(position_, length));
    position_ += length;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

void write_string(std::string& out, const std::string& text) {
  out.push_back('"');
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte == '"' || byte == '\\') {
      out.push_back('\\');
      out.push_back(character);
    } else if (byte < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(byte));
      out.append(escape.data());
    } else {
      out.push_back(character);
    }
  }
  out.push_back('"');
}

void write_number(std::string& out, double value) {
  std::array<char, 40> digits{};
  std::snprintf(digits.data(), digits.size(), "%.12g", value);
  out.append(digits.data());
}

}  // namespace

Json Json::parse(std::string_view text) { return Reader(text).document(); }

std::string Json::write() const {
  std::string out;
  write_to(out);
  return out;
}

void Json::write_to(std::string& out) const {
  if (is_null()) {
    out.append("null");
  } else if (const bool* truth = as_bool()) {
    out.append(*truth ? "true" : "false");
  } else if (const double* number = as_number()) {
    write_number(out, *number);
  } else if (const std::string* text = as_string()) {
    write_string(out, *text);
  } else if (const Array* array = as_array()) {
    out.push_back('[');
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) out.append(", ");
      (*array)[i].write_to(out);
    }
    out.push_back(']');
  } else if (const Object* object = as_object()) {
    out.push_back('{');
    for (std::size_t i = 0; i < object->size(); ++i) {
      if (i > 0) out.append(", ");
      write_string(out, (*object)[i].name);
      out.append(": ");
      (*object)[i].value.write_to(out);
    }
    out.push_back('}');
  }
}

Json rounded(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  const double result = std::round(value * scale) / scale;
  return result == 0.0 ? 0.0 : result;  // never "-0"
}

}  // namespace alfaspark::sim
