#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "layers/store.h"

namespace blueprint::steps {

/// The root of a step that failed, as the step left it: kept in the store's failed/RECIPE until that recipe fails again
/// or builds, so that `blueprint shell --failed` can look around in it.
struct FailedRoot {
  std::filesystem::path work;                ///< as BuildRoot::Options::work had it; the step's changes are inside
  std::vector<std::filesystem::path> lower;  ///< the parents' trees, parent first
  std::int64_t epoch = 0;
  std::string recipe;
  std::string stage;                     ///< the layer that failed
  std::string command;                   ///< what failed, for people
  std::vector<std::string> environment;  ///< of that command
  std::string workdir = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// Moves `work` into the store and writes the rest beside it.
void keep_failed_root(const layers::Store& store, FailedRoot root, TempDir work);

/// The newest failed root of `recipe`, or of any recipe when that is empty. Throws Error S040 when there is none.
[[nodiscard]] FailedRoot load_failed_root(const layers::Store& store, std::string_view recipe);

/// Removes what was kept for `recipe`.
void drop_failed_root(const layers::Store& store, std::string_view recipe);

}  // namespace blueprint::steps
