#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "base/events.h"
#include "base/thread_pool.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::layers {

enum class VerifyLevel {
  Blobs,       ///< every blob has its digest, every index can be read and fits its manifest
  Content,     ///< and every frame has its digest, and the device that they make has the image's content digest
  FileSystem,  ///< and e2fsck finds nothing to say about the file system
};

struct VerifyReport {
  /// What is wrong, each with the blob and where in it, which images and layers it affects, and what to do. Codes S050
  /// to S056.
  std::vector<Diagnostic> problems;
  std::uint64_t images = 0;
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  ///< of blobs that were hashed

  [[nodiscard]] bool ok() const { return problems.empty(); }
};

/// Verifies one image. Damage is not thrown but reported, all of it; throws Error B011 when e2fsck is needed and not
/// installed, os_error for what is no damage (no space for the temporary file), Interrupted.
[[nodiscard]] VerifyReport verify_image(Store& store, const Digest& manifest, VerifyLevel level, ThreadPool& pool,
                                        Events& events, std::stop_token stop);

/// Verifies all images, and that every other blob and .deb in the store has its digest too.
[[nodiscard]] VerifyReport verify_store(Store& store, VerifyLevel level, ThreadPool& pool, Events& events,
                                        std::stop_token stop);

}  // namespace blueprint::layers
