#pragma once

#include <string>

#include "builder/recipe/recipe.h"

namespace blueprint::cli {

/// The value of a secret, from the environment, a file or a command of this machine; one trailing newline is dropped.
/// Throws Error U013 (kind Usage) that names the source and never the value.
[[nodiscard]] std::string read_secret(const recipe::Recipe& recipe, const recipe::SecretSource& secret);

}  // namespace blueprint::cli
