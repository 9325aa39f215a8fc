#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"

namespace blueprint::cli {

/// Options that every command takes; their targets are in `context`.
[[nodiscard]] std::vector<Option> global_options(Context& context);

/// Parses the command line and runs the command that it names; prints --help and --version itself. Returns the exit
/// code. Throws Error U001 (kind Usage) with near names for what it cannot read, and what the command throws.
int parse_and_run(int argc, char** argv, std::vector<Command>& commands, Context& context);

}  // namespace blueprint::cli
