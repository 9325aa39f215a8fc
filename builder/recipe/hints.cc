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

std::string_view why_malformed(std::regex_constants::error_type code) {
  namespace E = std::regex_constants;
  if (code == E::error_paren) return "a parenthesis is not closed";
  if (code == E::error_brack) return "a bracket is not closed";
  if (code == E::error_brace || code == E::error_badbrace) return "a repetition in braces is malformed";
  if (code == E::error_badrepeat) return "a repetition has nothing to repeat";
  if (code == E::error_escape) return "an unknown escape";
  if (code == E::error_range) return "a range of characters is reversed";
  if (code == E::error_backref) return "a back reference names no group";
  if (code == E::error_complexity || code == E::error_space || code == E::error_stack) return "too complex";
  return "malformed";
}

}  // namespace blueprint::recipe
