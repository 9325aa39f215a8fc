#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace blueprint::cli {

/// Rows of words as aligned columns, two spaces apart, the first row being the heading; the last column is not padded.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// JSON for people and pipes, indented. Names of files may be any bytes: what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string format_json(const Json& json);

}  // namespace blueprint::cli
