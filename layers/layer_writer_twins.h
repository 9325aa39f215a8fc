#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "layers/changeset.h"

namespace blueprint::layers {

/// Smaller files are stored where they are: what they would save is less than what it costs a reader to find one file
/// of a directory far from the others.
inline constexpr std::uint64_t kMinTwinBytes = 16 * 1024;

/// For each of `files` (indices into `changes`) the place in `files` of the first one that has the same data: its own
/// place when none before it has. Of files up to kMaxFrameSize, which are packed into frames with their neighbours; of
/// larger ones equal frames are found when they are stored.
///
/// Files of equal sizes are read, unless their digests are known, and get their digests in `changes`. Throws os_error;
/// Error L030; Interrupted. Call it from no job of `pool`.
[[nodiscard]] std::vector<std::size_t> find_twins(std::vector<PlannedChange>& changes,
                                                  std::span<const std::size_t> files, ThreadPool& pool,
                                                  std::stop_token stop);

}  // namespace blueprint::layers
