#pragma once

#include <string>
#include <vector>

// Used by blueprint-solve only.

class pkgDepCache;

namespace blueprint::packages {

/// Why what is marked for installation does not fit together, in the words that apt-get uses ("a : Depends: b (>= 2)
/// but 1 is to be installed"), followed, where apt would only say "not going to be installed", by what stands in the
/// way of that package.
[[nodiscard]] std::vector<std::string> explain_broken(pkgDepCache& depcache);

}  // namespace blueprint::packages
