#pragma once

#include <string>
#include <vector>

namespace blueprint::packages {

/// A package as a lock has it.
struct Pin {
  std::string name;
  std::string version;
  std::string architecture;  ///< "all" too
  bool operator==(const Pin&) const = default;
};

/// Which of the locked packages may become newer when a recipe is resolved. What they need comes along, whatever it is;
/// the rest keeps its version as long as the archive has it.
struct UpdateScope {
  enum class What {
    Everything,  ///< as if there were no lock
    Nothing,     ///< only what the recipe asks for and the lock does not have
    Security,    ///< those of which a security suite has a newer version, to that version
    Named,       ///< those called one of `names`
  };
  What what = What::Everything;
  std::vector<std::string> names;
};

}  // namespace blueprint::packages
