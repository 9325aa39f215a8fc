#include "builder/recipe/hints.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace blueprint::recipe {

std::string as_items(std::string_view text) {
  std::vector<std::string> words = split(printable(text), ' ');
  std::erase(words, "");
  return join(words, ", ");
}

std::string size_meant_by(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = trim(text.substr(digits));
  if (digits == 0 || unit.empty()) return "";
  const std::size_t power = std::string_view("kmgtKMGT").find(unit[0]);
  if (power == std::string_view::npos) return "";
  const std::string meant = std::string(text.substr(0, digits)) + "KMGT"[power % 4] + "iB";
  return parse_size(meant) ? meant : "";
}

}  // namespace blueprint::recipe
