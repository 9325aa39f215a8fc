#pragma once

#include <string>
#include <string_view>

namespace blueprint::recipe {

// What somebody probably meant, for the hints of faults.

/// The words of `text` as the items of a list: "git, curl".
[[nodiscard]] std::string as_items(std::string_view text);

/// "4GiB" for "4 gb"; empty when there is no telling.
[[nodiscard]] std::string size_meant_by(std::string_view text);

}  // namespace blueprint::recipe
