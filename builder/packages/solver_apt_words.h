#pragma once

#include <optional>
#include <string>
#include <variant>

#include <apt-pkg/depcache.h>

#include "builder/packages/solver.h"

// Used by blueprint-solve only: what a word of a recipe means to apt.

namespace blueprint::packages {

struct Wish {
  pkgCache::PkgIterator package;
  pkgCache::VerIterator version;  ///< end() when the word leaves the choice to apt
  std::string release;            ///< of "name/release"
  enum class Action { Install, Avoid } action = Action::Install;
};

/// "name", "name=VERSION" (globs allowed, the newest that matches is meant), "name/RELEASE", "name:ARCH", "name-",
/// "name+". A package whose own name ends in '+' or '-' is found first, as apt-get does.
[[nodiscard]] std::variant<Wish, SolverFault> parse_wish(const std::string& word, pkgDepCache& depcache,
                                                         const std::string& architecture);

}  // namespace blueprint::packages
