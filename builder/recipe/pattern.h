#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace blueprint::recipe {

// Regular expressions that recipes write (params.pattern, tests.expect), in the syntax of RE2
// (github.com/google/re2/wiki/Syntax): matching takes time linear in the text and bounded stack, whatever the pattern.
// Recipes of strangers and output of any size are matched with them.

/// Why `pattern` is no regular expression; empty when it is one.
[[nodiscard]] std::string why_malformed(const std::string& pattern);

/// Whether all of `text` matches. A malformed pattern matches nothing.
[[nodiscard]] bool matches_whole(const std::string& pattern, std::string_view text);

/// Whether `pattern` matches somewhere in `text`; ^ and $ match at its lines. Bytes that are not UTF-8 match nothing
/// but themselves. A malformed pattern is found nowhere.
[[nodiscard]] bool is_found(const std::string& pattern, std::string_view text);

/// What the first group of `pattern` matches first in `text` from `from` on. `^` matches at the start of the text
/// alone. A malformed pattern is found nowhere.
struct Found {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< behind the last byte
};
[[nodiscard]] std::optional<Found> find_group(const std::string& pattern, std::string_view text, std::size_t from);

}  // namespace blueprint::recipe
