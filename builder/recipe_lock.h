#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/packages/lock.h"
#include "builder/packages/resolve.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// The layer that `distribution:` makes, below the recipe's own.
inline constexpr const char* kBaseLayer = "base";

enum class LockMode {
  Update,   ///< make a missing lock, refresh a stale one, and say so
  Locked,   ///< a missing or stale lock is an error (exit 3)
  Refresh,  ///< resolve anew whatever the lock says
};

struct LockRequest {
  const recipe::Recipe& recipe;
  const layers::ImageRecord* parent = nullptr;  ///< of `from`; null for a bootstrap
  LockMode mode = LockMode::Update;
  packages::Mirrors mirrors;
  bool offline = false;
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH, when set
};

/// `DIR/STEM.lock.yaml` beside `DIR/STEM.yaml`.
[[nodiscard]] std::filesystem::path lock_path(const recipe::Recipe& recipe);

/// SHA-256 of all in the recipe that the lock depends on: distribution and the words of its packages layers.
[[nodiscard]] Digest locked_part(const recipe::Recipe& recipe);

/// Why `lock` does not belong to the recipe and parent as they are now; empty when it does.
[[nodiscard]] std::vector<std::string> staleness(const packages::Lock& lock, const LockRequest& request);

/// Loads the lock of the recipe, or makes and writes it as `mode` says. A lock that was written is reported by a note
/// with what changed. Throws Error K020 (Locked and missing or stale), and what parse_lock and resolve_packages throw.
[[nodiscard]] packages::Lock ensure_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool,
                                         Events& events, std::stop_token stop);

}  // namespace blueprint::builder
