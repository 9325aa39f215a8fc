#pragma once

#include <regex>
#include <string>
#include <string_view>

namespace blueprint::recipe {

// What somebody probably meant, for the hints of faults.

/// The words of `text` as the items of a list: "git, curl".
[[nodiscard]] std::string as_items(std::string_view text);

/// "4GiB" for "4 gb"; empty when there is no telling.
[[nodiscard]] std::string size_meant_by(std::string_view text);

/// Why a regular expression is none.
[[nodiscard]] std::string_view why_malformed(std::regex_constants::error_type code);

}  // namespace blueprint::recipe
