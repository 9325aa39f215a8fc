#pragma once

#include <string>

namespace blueprint::cli {

/// "blueprint 0.1.0".
[[nodiscard]] std::string version_text();
/// "0.1.0"
[[nodiscard]] std::string version_number();

}  // namespace blueprint::cli
