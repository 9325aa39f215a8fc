#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint {

/// Edit distance (insert, delete, replace, and swap of neighbours count 1 each).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidates nearest to `word`, nearest first, at most `limit`, none further than a third of its length (at least
/// 2).
[[nodiscard]] std::vector<std::string> near_names(std::string_view word, std::span<const std::string> candidates,
                                                  std::size_t limit = 3);

/// "did you mean 'a', 'b' or 'c'?", or empty when `names` is.
[[nodiscard]] std::string did_you_mean(std::span<const std::string> names);

/// Parses "512MiB", "4GiB", "20G", "1024": binary units (K, M, G, T, with optional "iB" or "B"); nothing when it is not
/// a size or does not fit in 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// "12.3 MiB": three significant digits, binary units.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// "0.8 s", "12.3 s", "4 min 05 s".
[[nodiscard]] std::string format_seconds(double seconds);

/// `word` as one word of a POSIX shell.
[[nodiscard]] std::string shell_quote(std::string_view word);

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);
[[nodiscard]] std::string_view trim(std::string_view text);

/// Length of the valid UTF-8 sequence at the start of `text`, or 0 (RFC 3629: no overlong forms, no surrogates).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Control characters, escapes and invalid UTF-8 of foreign text replaced by \xNN, so that it cannot drive a terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace blueprint
