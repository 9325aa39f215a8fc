#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "layers/blob_writer.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A blob that is cited has to be kept, and pushed, as a whole. At most this share (in percent) of one may be dead
/// weight: bytes that the citing layer does not need.
inline constexpr std::uint64_t kMaxDeadPercent = 50;

struct Repacked {
  std::uint64_t copied_bytes = 0;
  std::vector<std::uint32_t>
      numbers;  ///< the new number of each frame of the draft, by its old one; empty = all as before
};

/// Copies the frames that `draft` cites from blobs with more dead weight into `draft` itself, compressed as they are.
/// Blobs in `needed` (the image has them anyway) weigh nothing. Frames are verified before they are copied. Returns the
/// bytes copied.
[[nodiscard]] Repacked repack(BlobWriter& draft, const Store& store,
                              const std::unordered_set<Digest, DigestHash>& needed);

}  // namespace blueprint::layers
