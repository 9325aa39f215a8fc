#pragma once

#include <string>
#include <vector>

namespace blueprint::cli {

/// Rows of words as aligned columns, two spaces apart, the first row being the heading; the last column is not padded.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace blueprint::cli
