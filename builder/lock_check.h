#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/build.h"
#include "builder/packages/lock.h"
#include "builder/recipe/recipe.h"
#include "layers/store.h"

namespace blueprint::builder {

/// What `blueprint lock --check` says of a lock.
struct LockCheck {
  std::filesystem::path path;
  bool exists = false;
  std::vector<std::string> misfit;          ///< why it does not belong to the recipe and its parent
  std::vector<std::string> overdue;         ///< why it is too old for the recipe's policy
  std::vector<std::string> moved;           ///< tags of registries that name another image now
  std::optional<std::int64_t> date;         ///< of its newest repository, seconds since 1970
  std::optional<std::int64_t> age_seconds;  ///< since that date
  /// What an update of everything would change. Nothing when that is not known, and then why.
  std::optional<std::vector<packages::PackageChange>> pending;
  std::string not_known;

  [[nodiscard]] bool is_stale() const { return !exists || !misfit.empty() || !overdue.empty() || !moved.empty(); }
  /// All kinds of reasons.
  [[nodiscard]] std::vector<std::string> reasons() const;
};

/// Judges the lock of `recipe` at `now`, seconds since 1970: does it belong to the recipe and its parent, is it younger
/// than the policy's refresh, do tags of registries still name what it pins, what have the archives published since.
/// Writes no lock and builds nothing: of a parent that is not in the store it cannot say whether it changed. The
/// network is used for tags and for what is pending only, and not when `options.offline`. Throws Error for a damaged
/// lock; of kind Network when the archives or registries cannot be asked and the lock is not stale anyway.
[[nodiscard]] LockCheck check_lock(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options,
                                   std::int64_t now, ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::builder
