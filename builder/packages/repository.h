#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "builder/packages/mirrors.h"
#include "builder/recipe/recipe.h"

namespace blueprint::packages {

/// One suite of one archive, and how to fetch and trust it.
struct RepositorySource {
  std::string
      name;  ///< as the lock says it: "debian", "debian-security", "ubuntu", or the URL of a third-party repository
  std::string url;    ///< base: "dists/" and "pool/" lie below
  std::string suite;  ///< ends in '/' for a flat repository, which has no components
  std::vector<std::string> components;
  std::vector<std::filesystem::path> keyrings;  ///< whose keys are trusted
  std::string fingerprint;                      ///< when not empty, of all those keys only the one with this primary
  std::string snapshot;  ///< empty = the archive as it is now; else neither Valid-Until nor the expiry of keys is held
                         ///< against it
  SourceSpan where;      ///< what the recipe says about it

  /// URL of a file named relative to the directory of the suite's Release file.
  [[nodiscard]] std::string release_url(std::string_view file) const;
};

/// The repositories that `distribution` means: one per pocket, then the recipe's own. Reads the host's apt sources
/// where mirrors say so. Throws Error P001, P002, P003 (unknown pocket), P010, P011 (keyring).
[[nodiscard]] std::vector<RepositorySource> plan_repositories(const recipe::Distribution& distribution,
                                                              const Mirrors& mirrors);

}  // namespace blueprint::packages
