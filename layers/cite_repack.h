#pragma once

#include <cstdint>
#include <unordered_set>

#include "base/digest.h"
#include "layers/blob_writer.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A blob that is cited has to be kept, and pushed, as a whole. At most this share (in percent) of one may be dead
/// weight: bytes that the citing layer does not need.
inline constexpr std::uint64_t kMaxDeadPercent = 50;

/// Copies the frames that `draft` cites from blobs with more dead weight into `draft` itself, compressed as they are.
/// Blobs in `needed` (the image has them anyway) weigh nothing. Frames are verified before they are copied. Returns the
/// bytes copied.
std::uint64_t repack(BlobWriter& draft, const Store& store, const std::unordered_set<Digest, DigestHash>& needed);

}  // namespace blueprint::layers
