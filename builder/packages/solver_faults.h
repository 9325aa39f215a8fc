#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "builder/packages/resolve.h"
#include "builder/packages/solver.h"

namespace blueprint::packages {

/// What the solver found wrong, as one error with a diagnostic per fault (codes P060 to P067) that points at the word
/// of the recipe.
[[nodiscard]] Error solver_error(const std::vector<SolverFault>& faults, const std::vector<Asked>& asked);

}  // namespace blueprint::packages
