#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "builder/packages/solver.h"

// Used by blueprint-solve only: how apt's library is set up.

namespace blueprint::packages {

/// Error P042 with what apt has to say; takes its messages.
[[nodiscard]] Error apt_failed(std::string_view what);

/// Points every directory of apt away from the host. `scratch` holds what belongs to this run.
void configure_apt(const SolverRequest& request, const std::filesystem::path& scratch);

}  // namespace blueprint::packages
