#include "simulator/time/local_time.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

namespace alfaspark::sim {
namespace {

/// Takes exactly `digits` decimal digits from the front of `text`.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) throw std::invalid_argument("too short");
  int value = 0;
  for (const char digit : text.substr(0, digits)) {
    if (digit < '0' || digit > '9') throw std::invalid_argument("not a digit");
    value = value * 10 + (digit - '0');
  }
  text.remove_prefix(digits);
  return value;
}

void take_character(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) throw std::invalid_argument("separator missing");
  text.remove_prefix(1);
}

std::int64_t take_fraction_us(std::string_view& text) {
  std::int64_t fraction_us = 0;
  if (text.empty() || text.front() != '.') return 0;
  text.remove_prefix(1);
  std::int64_t unit_us = 100'000;
  do {
    fraction_us += take_number(text, 1) * unit_us;
    unit_us /= 10;
  } while (!text.empty() && text.front() >= '0' && text.front() <= '9');
  return fraction_us;
}

std::int32_t take_offset_s(std::string_view& text) {
  if (!text.empty() && text.front() == 'Z') {
    text.remove_prefix(1);
    return 0;
  }
  if (text.empty() || (text.front() != '+' && text.front() != '-')) throw std::invalid_argument("offset missing");
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const int hours = take_number(text, 2);
  take_character(text, ':');
  const int minutes = take_number(text, 2);
  if (hours > 23 || minutes > 59) throw std::invalid_argument("offset out of range");
  return sign * (hours * 3600 + minutes * 60);
}

LocalTime parse_strictly(std::string_view text) {
  const int year = take_number(text, 4);
  take_character(text, '-');
  const int month = take_number(text, 2);
  take_character(text, '-');
  const int day = take_number(text, 2);
  take_character(text, 'T');
  const int hour = take_number(text, 2);
  take_character(text, ':');
  const int minute = take_number(text, 2);
  take_character(text, ':');
  const int second = take_number(text, 2);
  const std::int64_t fraction_us = take_fraction_us(text);
  const std::int32_t offset_s = take_offset_s(text);
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!text.empty() || !date.ok() || year < 1970 || year > 2199 || hour > 23 || minute > 59 || second > 59) {
    throw std::invalid_argument("out of range");
  }
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t local_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return {(local_s - offset_s) * 1'000'000 + fraction_us, offset_s};
}

}  // namespace

LocalTime LocalTime::parse(std::string_view text) {
  try {
    return parse_strictly(text);
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(std::string(text) + " is not a time like 2026-06-01T06:00:00+01:00");
  }
}

LocalTime LocalTime::of_this_machine() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_us = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  const std::time_t unix_s = static_cast<std::time_t>(unix_us / 1'000'000);
  std::tm broken_down{};
  localtime_r(&unix_s, &broken_down);
  return {unix_us, static_cast<std::int32_t>(broken_down.tm_gmtoff)};
}

std::string LocalTime::format() const {
  const std::int64_t local_us = unix_us + static_cast<std::int64_t>(utc_offset_s) * 1'000'000;
  const auto local = std::chrono::sys_time<std::chrono::microseconds>{std::chrono::microseconds{local_us}};
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date{day};
  const std::int64_t in_day_ms = (local - day).count() / 1000;
  const int offset_min = std::abs(utc_offset_s) / 60;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03d%c%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(in_day_ms / 3'600'000), static_cast<int>(in_day_ms / 60'000 % 60),
                static_cast<int>(in_day_ms / 1000 % 60), static_cast<int>(in_day_ms % 1000),
                utc_offset_s < 0 ? '-' : '+', offset_min / 60, offset_min % 60);
  return text.data();
}

}  // namespace alfaspark::sim
