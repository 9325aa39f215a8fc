#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "builder/recipe/recipe.h"
#include "builder/rootfs/build_root.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// The cache directories of a script, each held for it alone as long as the object lives: programs such as apt expect
/// that, and none is hurt by it. They lie in the store's caches/, one for each id and user; gc removes those that
/// nobody has used for long.
class CacheMounts {
 public:
  /// Makes those that are missing, owned by `uid`. Waits for other builds that use one. Throws os_error; Interrupted.
  CacheMounts(const StepContext& context, const std::vector<recipe::CacheMount>& caches, std::uint32_t uid);

  [[nodiscard]] const std::vector<rootfs::RunOptions::Mount>& mounts() const { return mounts_; }

 private:
  std::vector<UniqueFd> locks_;
  std::vector<rootfs::RunOptions::Mount> mounts_;
};

}  // namespace blueprint::steps
