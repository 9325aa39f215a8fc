#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/packages/lock.h"
#include "builder/packages/repository.h"
#include "builder/packages/repository_release.h"
#include "registry_client/http.h"

// The indices of repositories, verified and kept in a cache directory:
//
//   releases/HEX          the signed Release of a suite with what the server said about its age; HEX = SHA-256 of its
//   URL packages/HEX          an uncompressed Packages file; HEX = its own SHA-256 solver/HEX/           apt's lists
//   and its parsed cache for one set of indices (see solver.h)
//
// Files appear by rename, so processes may share the directory. Nothing in it is trusted because it is there:
// signatures and hashes are checked again at each use (a hash of 50 MB costs 30 ms; an fsync would cost more).

namespace blueprint::packages {

/// One Packages file of a suite.
struct PackagesIndex {
  std::string component;       ///< empty for a flat repository
  std::string architecture;    ///< "amd64" or "all"
  std::string name;            ///< relative to the Release file, without a compression suffix
  std::filesystem::path file;  ///< in the cache, uncompressed
  Digest sha256;               ///< of `file`
};

struct FetchedRepository {
  RepositorySource source;
  Release release;
  std::string signed_text;  ///< the Release that was verified
  LockedRepository locked;
  std::vector<PackagesIndex> indices;
};

struct IndexRequest {
  std::vector<RepositorySource> sources;
  std::string architecture;
  std::filesystem::path cache;
  bool offline = false;
  std::int64_t now = 0;  ///< seconds since 1970
};

/// Fetches what has changed, in parallel, verifies everything. Throws Error P012 to P023 (signatures, expiry), P030 to
/// P035 (indices), N0xx; Interrupted.
[[nodiscard]] std::vector<FetchedRepository> fetch_indices(const IndexRequest& request, registry_client::Http& http,
                                                           ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::packages
