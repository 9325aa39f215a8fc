#pragma once

#include <string_view>

namespace blueprint::packages {

/// Compares two Debian versions (deb-version(7)): negative when `a` is older, 0 when they are equal, positive when
/// newer.
[[nodiscard]] int compare_versions(std::string_view a, std::string_view b);

}  // namespace blueprint::packages
