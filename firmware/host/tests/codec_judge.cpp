// The C++ codec on stdin and stdout, one line in, one line out, so that another implementation can judge it.
//
//   decode Battery 0014...            -> voltage=51.2 current=unknown ... | invalid
//   encode Battery voltage=51.2 ...   -> 0014...
//   decode SetRelay 1105...           -> sequence=5 relay=0 closed=1 | invalid
//   encode SetRelay sequence=5 ...    -> 1105...
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "alfaspark/generated/frames.hpp"

namespace frames = alfaspark::frames;

namespace {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename Frame>
concept IsCommand = requires { Frame::kCommand; };

using Values = std::map<std::string, std::string>;

struct Print {
  std::ostringstream& out;

  template <typename T>
  void operator()(const char* name, const T& value) const {
    if constexpr (IsOptional<T>::value) {
      if (!value) {
        out << ' ' << name << "=unknown";
        return;
      }
      (*this)(name, *value);
    } else {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%.12g", static_cast<double>(value));
      out << ' ' << name << '=' << text.data();
    }
  }
};

struct Set {
  const Values& values;

  template <typename T>
  void operator()(const char* name, T& value) const {
    const auto& text = values.at(name);
    if constexpr (IsOptional<T>::value) {
      if (text == "unknown") {
        value.reset();
        return;
      }
      value.emplace();
      (*this)(name, *value);
    } else {
      value = static_cast<T>(std::strtod(text.c_str(), nullptr));
    }
  }
};

template <typename Frame>
std::string decode(const std::vector<std::uint8_t>& payload) {
  const auto frame = Frame::decode(payload);
  if (!frame) return "invalid";
  std::ostringstream out;
  if constexpr (IsCommand<Frame>) out << " sequence=" << unsigned{payload[1]};
  Frame::visit(*frame, Print{out});
  return out.str();
}

template <typename Frame>
std::string encode(const Values& values) {
  Frame frame;
  Frame::visit(frame, Set{values});
  frames::Payload payload;
  if constexpr (IsCommand<Frame>) {
    payload = frame.encode(static_cast<std::uint8_t>(std::stoi(values.at("sequence"))));
  } else {
    payload = frame.encode();
  }
  std::string out;
  for (std::size_t i = 0; i < Frame::kLength; ++i) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(payload[i]));
    out += hex.data();
  }
  return out;
}

template <typename Frame>
bool answer(const std::string& verb, const std::string& name, std::istringstream& arguments, std::string& out) {
  if (name != Frame::kName) return false;
  std::string word;
  if (verb == "decode") {
    std::vector<std::uint8_t> payload;
    if (arguments >> word) {
      for (std::size_t i = 0; i + 1 < word.size(); i += 2) {
        payload.push_back(static_cast<std::uint8_t>(std::stoi(word.substr(i, 2), nullptr, 16)));
      }
    }
    out = decode<Frame>(payload);
  } else {
    Values values;
    while (arguments >> word) values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    out = encode<Frame>(values);
  }
  return true;
}

template <typename... Frame>
bool answer_any(frames::TypeList<Frame...>, const std::string& verb, const std::string& name,
                std::istringstream& arguments, std::string& out) {
  return (answer<Frame>(verb, name, arguments, out) || ...);
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb;
    std::string name;
    std::string out;
    words >> verb >> name;
    if (!answer_any(frames::Frames{}, verb, name, words, out) &&
        !answer_any(frames::commands::Commands{}, verb, name, words, out)) {
      out = "no such frame";
    }
    std::cout << out << std::endl;
  }
}
