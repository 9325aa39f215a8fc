#pragma once

#include <cstdint>
#include <string>

namespace blueprint {

/// Seconds since 1970 as RFC 3339 has it, in UTC: "2026-07-11T10:16:37Z".
[[nodiscard]] std::string format_utc(std::int64_t seconds);

}  // namespace blueprint
