#pragma once

#include <stop_token>
#include <vector>

#include "builder/packages/index.h"

namespace blueprint::packages {

/// The first half of fetch_indices: Release files, fetched when changed, verified, checked. `indices` is still empty.
[[nodiscard]] std::vector<FetchedRepository> fetch_releases(const IndexRequest& request, registry_client::Http& http,
                                                            ThreadPool& pool, std::stop_token stop);

}  // namespace blueprint::packages
