#pragma once

#include <chrono>
#include <filesystem>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "layers/gc.h"

namespace blueprint::layers {

using DigestSet = std::unordered_set<Digest, DigestHash>;
using Clock = std::chrono::system_clock;

/// What gc.h calls in use, found by reading; removes nothing.
struct Marks {
  DigestSet blobs;             ///< in use
  DigestSet images_to_forget;  ///< listed, but without tag, lease or youth
  DigestSet orphans;           ///< listed attachments of images that are not listed
  DigestSet blobs_to_forget;   ///< of those images: go after index.json does not name them any more
  DigestSet debs;              ///< named by kept keys
  std::vector<std::filesystem::path> old_keys;
  Clock::time_point young_since;  ///< what was used since then stays
  Clock::time_point live_since;   ///< what a running build may have used was used since then
  std::uint64_t live_writers = 0;
};

[[nodiscard]] Marks mark(const Store& store, const GcOptions& options);

/// The last use of a file by its modification time; the epoch when there is no such file.
[[nodiscard]] Clock::time_point used_at(const std::filesystem::path& path);

/// The paths directly in `directory`, sorted; none when it does not exist.
[[nodiscard]] std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory);

}  // namespace blueprint::layers
