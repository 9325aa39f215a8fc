#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace blueprint {

/// JSON values keep their keys in the order in which they were added, so what we write is deterministic.
/// Include this in .cc files; headers forward-declare with <nlohmann/json_fwd.hpp> or, better, speak of values of ours.
using Json = nlohmann::ordered_json;

/// Parses `text`; throws Error (kind Store, code S020) naming `what` and the byte offset when it is not valid JSON.
[[nodiscard]] Json parse_json(std::string_view text, std::string_view what);

// Names of files may be any bytes: what is not UTF-8 becomes U+FFFD.

/// On one line, for programs.
[[nodiscard]] std::string compact_json(const Json& json);
/// Indented, for people and pipes.
[[nodiscard]] std::string format_json(const Json& json);

}  // namespace blueprint
