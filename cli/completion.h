#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace blueprint::cli {

/// A completion script made from the table of commands. `shell` is "bash", "zsh" or "fish". Images and recipes are
/// asked for by `blueprint __complete images|recipes`.
[[nodiscard]] std::string completion_script(const std::string& shell, const std::vector<Command>& commands,
                                            const std::vector<Option>& globals);

}  // namespace blueprint::cli
