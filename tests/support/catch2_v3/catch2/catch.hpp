#pragma once

// The one header of Catch2 2 (Debian 12), in terms of Catch2 3 (Ubuntu 24.04): what the tests say is the same in both
// but for the name of one matcher.

#include <string>

#include <catch2/catch_all.hpp>

namespace Catch {

inline Matchers::StringContainsMatcher Contains(const std::string& text) { return Matchers::ContainsSubstring(text); }

}  // namespace Catch
