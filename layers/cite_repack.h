#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "layers/blob_writer.h"
#include "layers/layer_index.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A blob that is cited has to be kept, and pushed, as a whole. At most this share (in percent) of one may be dead
/// weight: bytes that the citing layer does not need.
inline constexpr std::uint64_t kMaxDeadPercent = 50;

/// Which blocks of the frames of a draft are in use.
class LiveBlocks {
 public:
  /// Those of `frames` frames that `extents` name.
  LiveBlocks(std::size_t frames, const std::vector<Extent>& extents);

  [[nodiscard]] std::uint32_t count(std::uint32_t frame) const;
  [[nodiscard]] bool contains(std::uint32_t frame, std::uint32_t block) const;
  /// How many blocks before `block` are in use: where it lies once the others are left out.
  [[nodiscard]] std::uint32_t rank(std::uint32_t frame, std::uint32_t block) const;

 private:
  std::vector<std::vector<bool>> frames_;  ///< up to the last block in use
};

/// What became of the frames of a draft.
struct Repacked {
  std::uint64_t copied_bytes = 0;
  /// The new number of each frame by its old one; empty = all as before.
  std::vector<std::uint32_t> numbers;
  /// Of the frames by their old numbers: whether blocks that are not in use were left out, so that the others have
  /// moved to LiveBlocks::rank().
  std::vector<bool> trimmed;
};

/// Copies the frames that `draft` cites from blobs with more dead weight into `draft` itself: whole ones compressed as
/// they are; of others what is in use, compressed again. Blobs in `needed` (the image has them anyway) weigh nothing.
/// Frames are verified before they are copied.
[[nodiscard]] Repacked repack(BlobWriter& draft, const Store& store, const LiveBlocks& live,
                              const std::unordered_set<Digest, DigestHash>& needed);

}  // namespace blueprint::layers
