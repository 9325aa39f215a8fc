#pragma once

#include <string>
#include <vector>

#include "builder/packages/solver.h"

// Used by blueprint-solve only: the part that speaks to libapt-pkg.

namespace blueprint::packages {

/// Solves every layer, each on top of those before it, with libapt-pkg. Call once per process: libapt's configuration
/// is global. Throws Error P042 when apt cannot read its lists.
[[nodiscard]] SolverAnswer solve_with_apt(const SolverRequest& request);

}  // namespace blueprint::packages
