#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/packages/lock.h"
#include "builder/packages/resolve.h"
#include "builder/recipe/recipe.h"
#include "builder/steps/source_image.h"
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
  const steps::Images& images;  ///< every image that the recipe names and that is no stage of it
  LockMode mode = LockMode::Update;
  packages::UpdateScope scope;  ///< with Refresh: what may become newer
  packages::Mirrors mirrors;
  bool offline = false;
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH, when set
  std::int64_t now = 0;               ///< seconds since 1970, to tell how old a lock is; 0 = do not
};

/// A lock before and after it was made anew.
struct LockUpdate {
  std::filesystem::path path;
  std::optional<packages::Lock> before;
  packages::Lock now;
  packages::LockFacts facts;  ///< of `now`
};

/// `DIR/STEM.lock.yaml` beside `DIR/STEM.yaml`.
[[nodiscard]] std::filesystem::path lock_path(const recipe::Recipe& recipe);

/// SHA-256 of all in the recipe that the lock depends on: distribution and the words of its packages layers.
[[nodiscard]] Digest locked_part(const recipe::Recipe& recipe);

/// Error K020: the recipe's lock is stale for these reasons, or does not exist when there are none.
[[nodiscard]] Error lock_does_not_fit(const recipe::Recipe& recipe, const std::vector<std::string>& reasons);

/// The digest that a lock says of the image that its recipe calls `image`. Nothing when it does not name it.
[[nodiscard]] std::optional<Digest> pinned_in(const packages::Lock& lock, const std::string& image);

/// Whether the images in a request are what the recipe names now, or could not be had.
enum class ParentKnown { Yes, No };

/// Why `lock` does not belong to the recipe and parent as they are now; empty when it does.
[[nodiscard]] std::vector<std::string> staleness(const packages::Lock& lock, const LockRequest& request,
                                                 ParentKnown parent = ParentKnown::Yes);

/// How many seconds ago the newest of the lock's repositories was published: what came out later is not in it. Nothing
/// for a lock without repositories.
[[nodiscard]] std::optional<std::int64_t> lock_age(const packages::Lock& lock, std::int64_t now);

/// Why the recipe's `policy.refresh` holds the lock for too old at `now`; empty when it does not.
[[nodiscard]] std::vector<std::string> overdue(const packages::Lock& lock, const recipe::Policy& policy,
                                               std::int64_t now);

/// "3 hours", "12 days".
[[nodiscard]] std::string describe_age(std::int64_t seconds);

/// The lock that the recipe has, if it has one. Throws what parse_lock throws.
[[nodiscard]] std::optional<packages::Lock> load_lock(const recipe::Recipe& recipe);

/// Resolves the recipe against the archives as they are now and answers what its lock would be; writes nothing. Of what
/// the lock `before` (may be null) has, only what `scope` says becomes newer. Throws Error K021, K023 (a name in the
/// scope that the lock does not have), and what resolve_packages throws.
struct Relocked {
  packages::Lock lock;
  packages::LockFacts facts;
};
[[nodiscard]] Relocked resolve_lock(const LockRequest& request, const packages::Lock* before,
                                    const packages::UpdateScope& scope, const layers::Store& store, ThreadPool& pool,
                                    Events& events, std::stop_token stop);

/// The same, written. Tells nobody: that is up to the caller.
[[nodiscard]] LockUpdate update_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool, Events& events,
                                     std::stop_token stop);

/// Loads the lock of the recipe, or makes and writes it as `mode` says: a stale one keeps the versions of all that it
/// has and the recipe still wants. A lock that was written is reported by a note with what changed; one that is older
/// than the recipe's policy wants, too. Throws Error K020 (Locked and missing or stale), and what parse_lock and
/// resolve_packages throw.
[[nodiscard]] packages::Lock ensure_lock(const LockRequest& request, layers::Store& store, ThreadPool& pool,
                                         Events& events, std::stop_token stop);

}  // namespace blueprint::builder
