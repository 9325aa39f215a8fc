#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "builder/packages/solver.h"

namespace blueprint::packages {

/// The order in which `packages` can be configured, as indices: what a package depends on comes before it, essential
/// packages and what they need come first, ties go by name, and of a cycle of dependencies the Pre-Depends are honoured
/// where they can be. A function of the set alone, not of the order in which it is given.
[[nodiscard]] std::vector<std::size_t> configure_order(const std::vector<SolvedPackage>& packages);

/// Why each package is there: "essential", "asked for", or the name of the package that needs it on a shortest way from
/// what was asked for.
[[nodiscard]] std::vector<std::string> reasons(const std::vector<SolvedPackage>& packages);

}  // namespace blueprint::packages
