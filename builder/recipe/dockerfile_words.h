#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::recipe::dockerfile {

/// A word of an instruction's text as written, and where it starts.
struct Word {
  std::string text;
  std::size_t offset = 0;
};

/// Words between blanks.
[[nodiscard]] std::vector<Word> split_at_blanks(std::string_view text);
/// Words between blanks that are neither quoted nor escaped; quotes and escapes stay in the words.
[[nodiscard]] std::vector<Word> split_words(std::string_view text, char escape);

/// The value of a variable, when it has one.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// `text` without its quotes and escapes, and with `$name`, `${name}`, `${name:-default}` and `${name:+other}` (and
/// both without the colon) replaced. Nothing when a `${` is malformed or asks for something else.
[[nodiscard]] std::optional<std::string> expand(std::string_view text, char escape, const Lookup& lookup);
/// The same for the body of a heredoc, in which quotes mean themselves.
[[nodiscard]] std::optional<std::string> expand_heredoc(std::string_view text, char escape, const Lookup& lookup);

}  // namespace blueprint::recipe::dockerfile
