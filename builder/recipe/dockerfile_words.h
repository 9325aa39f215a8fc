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

/// A text with its variables replaced, or what is wrong with it.
struct Expanded {
  std::string text;
  std::string fault;  ///< what is malformed, or what a `${name:?…}` demands; empty = nothing
};

/// `text` without its quotes and escapes, and with `$name` and `${name}` replaced, also as `${name:-default}`,
/// `${name:+other}`, `${name:?message}` (and these without the colon), `${name#pattern}`, `${name##pattern}`,
/// `${name%pattern}`, `${name%%pattern}`, `${name/pattern/other}` and `${name//pattern/other}`, where a pattern has `*`
/// and `?`. The rules are those of BuildKit (frontend/dockerfile/shell).
[[nodiscard]] Expanded expand(std::string_view text, char escape, const Lookup& lookup);
/// The same for the body of a heredoc: its quotes mean themselves, and its escape is always a backslash.
[[nodiscard]] Expanded expand_heredoc(std::string_view text, const Lookup& lookup);

}  // namespace blueprint::recipe::dockerfile
