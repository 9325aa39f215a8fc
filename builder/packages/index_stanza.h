#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blueprint::packages {

/// A deb822 stanza (deb822(5)): fields in their order. A folded value keeps its newlines and loses one leading blank
/// per line.
struct Stanza {
  std::vector<std::pair<std::string, std::string>> fields;
  /// Empty when absent; the name's case does not matter.
  [[nodiscard]] std::string_view get(std::string_view name) const;
};

/// All stanzas of `text`. Comment lines are skipped; a line that is neither field nor continuation is skipped too.
[[nodiscard]] std::vector<Stanza> parse_stanzas(std::string_view text);

}  // namespace blueprint::packages
