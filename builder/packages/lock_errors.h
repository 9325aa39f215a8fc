#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

// What can be wrong with a lock (K0xx, kind Recipe).

namespace blueprint::packages {

[[nodiscard]] Diagnostic lock_too_new(std::string_view format, SourceSpan where);                        // K001
[[nodiscard]] Diagnostic lock_syntax(std::string_view expected, SourceSpan where);                       // K002
[[nodiscard]] Diagnostic lock_key(std::string_view problem, std::string_view key, SourceSpan where);     // K003
[[nodiscard]] Diagnostic lock_value(std::string_view key, std::string_view expected, SourceSpan where);  // K004
[[nodiscard]] Diagnostic lock_duplicate(std::string_view package, std::string_view layer, int first_line,
                                        SourceSpan where);                                                  // K005
[[nodiscard]] Diagnostic lock_no_repository(std::uint64_t number, std::size_t count, SourceSpan where);     // K006
[[nodiscard]] Diagnostic lock_no_reason(std::string_view package, std::string_view why, SourceSpan where);  // K007
[[nodiscard]] Diagnostic lock_conflict(SourceSpan where);                                                   // K008

}  // namespace blueprint::packages
