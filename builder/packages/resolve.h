#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/claims.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/packages/lock.h"
#include "builder/packages/mirrors.h"
#include "builder/packages/pins.h"
#include "builder/recipe/recipe.h"

namespace blueprint::packages {

struct Asked {
  std::string layer;  ///< name of the recipe's layer
  std::vector<recipe::Text> words;
  bool recommends = false;
};

struct ResolveRequest {
  recipe::Distribution distribution;
  std::string parent_status;           ///< var/lib/dpkg/status of the parent image; empty = bootstrap
  std::string parent_extended_states;  ///< var/lib/apt/extended_states of the parent; may be empty
  std::vector<Asked> asked;  ///< one per packages layer, in order; for a bootstrap the first is the base itself
  Mirrors mirrors;
  std::filesystem::path cache;  ///< directory for indices; safe to share between processes
  bool offline = false;
  /// The helper that links libapt-pkg; empty = `blueprint-solve` beside this program or in ../libexec/blueprint.
  std::filesystem::path solver_program;
  const Lock* before = nullptr;  ///< null: there is nothing to keep
  UpdateScope scope;             ///< what of `before` may become newer
};

struct Resolution {
  std::vector<LockedRepository> repositories;
  std::map<std::string, std::vector<LockedPackage>> packages;  ///< by layer, in configure order
  std::int64_t epoch = 0;                                      ///< newest Date of the repositories
  LockFacts facts;                                             ///< what the lock itself does not say
};

/// Fetches and verifies the indices (gpgv) and lets apt's solver choose, in a child process, layer after layer, each on
/// top of the one before. Throws Error P0xx: unknown package with near names, unsatisfiable with apt's explanation,
/// wrong or expired signature, mirror failure (kind Network); Interrupted.
[[nodiscard]] Resolution resolve_packages(const ResolveRequest& request, ThreadPool& pool, Events& events,
                                          std::stop_token stop);

struct FetchRequest {
  const std::vector<LockedPackage>& packages;
  const std::vector<LockedRepository>& repositories;
  const Mirrors& mirrors;
  std::filesystem::path debs;
  bool offline = false;
  Claims& downloads;  ///< of all who fetch into `debs` in this process
};

/// Makes sure that every package is in `debs` (HEX.deb), downloading what is missing in parallel: verified by SHA-256
/// while it streams, retried with backoff, finished files kept whatever happens later. What somebody else in this
/// process is downloading is waited for. Returns bytes downloaded.
std::uint64_t fetch_packages(const FetchRequest& request, Events& events, std::string_view stage, std::stop_token stop);

}  // namespace blueprint::packages
