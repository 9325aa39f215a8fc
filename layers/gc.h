#pragma once

// Garbage collection, and who may rely on what beside it.
//
// In use is: every image with a tag or a lease, with all blobs that its manifest names; the layers (and what they cite)
// and .debs of recent layer keys; whatever is young. "Young" is told by modification times, which all writers of the
// store set when they store or reuse something (Store::find_key, put_image, tag…). Two rules make that safe:
//
//   - Reuse and sweep exclude each other. Whoever reuses a blob checks and touches it under a shared lock on locks/gc;
//   gc marks and
//     unlinks under the exclusive one. So either gc sees the new time, or the reuse sees that the blob is gone and
//     makes it again. The locks are held for moments, never for the length of a build.
//   - A running build has a directory under tmp/ with a locked lock file (Store::tmp). What was stored or touched since
//   the oldest
//     of these locks was taken counts as young, however short the grace period. A lock that is free belongs to a dead
//     build: its directory goes.
//
// Times may be an hour older than the last use (kTouchSlack, so that a build that changes nothing writes nothing); gc
// allows for it. gc needs no free space to begin with, and may be killed at any moment: index.json never names an image
// of which it has removed a blob.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "layers/store.h"

namespace blueprint::layers {

struct GcOptions {
  enum class Mode { Sweep, DryRun };
  Mode mode = Mode::Sweep;
  std::chrono::seconds grace = std::chrono::hours(24);          ///< blobs and untagged images younger than it stay
  std::chrono::seconds key_age = std::chrono::hours(24 * 30);   ///< layers not reused for longer lose their key
  std::chrono::seconds deb_age = std::chrono::hours(24 * 30);   ///< the same for .debs that no kept key names
  std::chrono::seconds tree_age = std::chrono::hours(24 * 14);  ///< the same for trees and caches
  std::chrono::seconds failed_age = std::chrono::hours(24 * 7);
  std::uint64_t tree_bytes = 32ULL << 30;  ///< trees beyond it go, those not used for longest first
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

struct GcReport {
  struct Kind {
    std::string kind;  ///< "images", "blobs", "keys", "debs", "trees", "temporary", "failed steps", "caches"
    std::uint64_t items = 0;
    std::uint64_t bytes = 0;  ///< of disk
  };
  std::vector<Kind> freed;  ///< in that order; all kinds, also those with nothing
  std::uint64_t kept_blobs = 0;
  std::uint64_t live_writers = 0;  ///< other processes (and Stores) that were writing

  [[nodiscard]] std::uint64_t freed_bytes() const;
};

/// Removes what nothing needs. Throws Error S015 when a manifest or config of a listed image is damaged: what it needs
/// cannot be told then, so nothing is removed.
GcReport collect_garbage(Store& store, const GcOptions& options);

/// What a kind of thing takes in the store, for `blueprint store df`.
struct StoreUsage {
  std::string kind;  ///< "blobs", "keys", "debs", "trees", "temporary", "failed steps", "caches"
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;                         ///< of disk
  std::chrono::system_clock::time_point oldest{};  ///< last use; of nothing, the epoch
  std::chrono::system_clock::time_point newest{};
};
[[nodiscard]] std::vector<StoreUsage> store_usage(const Store& store);

}  // namespace blueprint::layers
