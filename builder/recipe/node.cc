#include "builder/recipe/node.h"

#include <algorithm>
#include <array>

namespace blueprint::recipe {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_of(std::string_view text, bool (*test)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), test);
}

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text;
}

bool is_integer(std::string_view text) {
  const std::string_view digits = without_sign(text);
  if (digits.starts_with("0x"))
    return all_of(digits.substr(2),
                  [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  if (digits.starts_with("0o")) return all_of(digits.substr(2), [](char c) { return c >= '0' && c <= '7'; });
  if (digits.starts_with("0b")) return all_of(digits.substr(2), [](char c) { return c == '0' || c == '1'; });
  // 1.1 allows '_' between digits.
  return !digits.empty() && is_digit(digits[0]) && all_of(digits, [](char c) { return is_digit(c) || c == '_'; });
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and .inf and .nan
bool is_float(std::string_view text) {
  const std::string_view number = without_sign(text);
  for (const std::string_view word : {".inf", ".Inf", ".INF"}) {
    if (number == word) return true;
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  const std::size_t exponent = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, exponent);
  if (exponent != std::string_view::npos && !all_of(without_sign(number.substr(exponent + 1)), is_digit)) return false;
  const std::size_t point = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view() : mantissa.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  return (whole.empty() || all_of(whole, is_digit)) && (fraction.empty() || all_of(fraction, is_digit));
}

}  // namespace

Meaning meaning_of_plain(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 18> kBoolean{"true", "True", "TRUE", "false", "False", "FALSE",
                                                             "yes",  "Yes",  "YES",  "no",    "No",    "NO",
                                                             "on",   "On",   "ON",   "off",   "Off",   "OFF"};
  if (std::find(kNull.begin(), kNull.end(), text) != kNull.end()) return Meaning::Null;
  if (std::find(kBoolean.begin(), kBoolean.end(), text) != kBoolean.end()) return Meaning::Boolean;
  if (is_integer(text)) return Meaning::Integer;
  if (is_float(text)) return Meaning::Float;
  return Meaning::Text;
}

}  // namespace blueprint::recipe
