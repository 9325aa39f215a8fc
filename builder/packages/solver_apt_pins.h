#pragma once

#include <optional>
#include <string>
#include <vector>

#include <apt-pkg/pkgcache.h>
#include <apt-pkg/policy.h>

#include "builder/packages/solver.h"

// Used by blueprint-solve only: which versions a partial update of a lock lets apt choose.

namespace blueprint::packages {

/// What the pins of a request come to in this cache.
struct PinnedVersions {
  std::vector<pkgCache::VerIterator> versions;  ///< to be preferred over whatever else the archive has
  std::vector<Pin> gone;                        ///< pins whose version is not there and that nobody asked to refresh
};

/// Decides for every pin whether it holds. `free` is apt's policy as it is without pins: what it would take is "the
/// newest". A pin gives way when the request says so, when its version is gone, or when something that does become
/// newer (or is new in the recipe) does not fit to it: what can be solved without pins should be solvable with them.
[[nodiscard]] PinnedVersions choose_pinned(pkgCache& cache, pkgPolicy& free, const SolverRequest& request);

/// The newest version of `package` in one of these list files, not newer than `limit`. End when there is none.
[[nodiscard]] pkgCache::VerIterator newest_in(const pkgCache::PkgIterator& package,
                                              const std::vector<std::string>& lists,
                                              const std::optional<std::string>& limit = std::nullopt);

}  // namespace blueprint::packages
