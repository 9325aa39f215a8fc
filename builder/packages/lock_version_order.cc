#include "builder/packages/lock_version_order.h"

#include <cctype>
#include <utility>

namespace blueprint::packages {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// '~' sorts before everything, even the end; letters before other characters.
int weight(std::string_view text, std::size_t at) {
  if (at >= text.size() || is_digit(text[at])) return 0;
  if (text[at] == '~') return -1;
  if (std::isalpha(static_cast<unsigned char>(text[at])) != 0) return static_cast<unsigned char>(text[at]);
  return static_cast<unsigned char>(text[at]) + 256;
}

/// One part (upstream version or revision): alternating runs of non-digits, by weight, and of digits, by value.
int compare_part(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    while ((i < a.size() && !is_digit(a[i])) || (j < b.size() && !is_digit(b[j]))) {
      const int difference = weight(a, i) - weight(b, j);
      if (difference != 0) return difference;
      ++i;
      ++j;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    int first = 0;
    while (i < a.size() && j < b.size() && is_digit(a[i]) && is_digit(b[j])) {
      if (first == 0) first = a[i] - b[j];
      ++i;
      ++j;
    }
    if (i < a.size() && is_digit(a[i])) return 1;
    if (j < b.size() && is_digit(b[j])) return -1;
    if (first != 0) return first;
  }
  return 0;
}

struct Parts {
  std::string_view epoch = "0";
  std::string_view upstream;
  std::string_view revision = "0";
};

Parts split_version(std::string_view version) {
  Parts parts;
  if (const auto colon = version.find(':'); colon != std::string_view::npos) {
    parts.epoch = version.substr(0, colon);
    version.remove_prefix(colon + 1);
  }
  if (const auto dash = version.rfind('-'); dash != std::string_view::npos) {
    parts.revision = version.substr(dash + 1);
    version = version.substr(0, dash);
  }
  parts.upstream = version;
  return parts;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  const Parts left = split_version(a);
  const Parts right = split_version(b);
  for (const auto& [x, y] : {std::pair(left.epoch, right.epoch), std::pair(left.upstream, right.upstream),
                             std::pair(left.revision, right.revision)}) {
    if (const int difference = compare_part(x, y); difference != 0) return difference;
  }
  return 0;
}

}  // namespace blueprint::packages
