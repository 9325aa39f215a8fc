#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/layer_index.h"

namespace blueprint::layers {

/// Where each block of an image is: the extents of its layers merged, newest on top, once. Immutable; thread-safe.
///
/// Built in O(extents × log layers) by merging neighbouring layers pairwise; looked up in O(log extents), whatever the
/// number of layers. Blocks that no layer wrote, or that the newest writer made zeros, are holes.
class BlockMap {
 public:
  /// Blocks [first, first + count) are the blocks of `frame` from `frame_block` on.
  struct Piece {
    std::uint32_t first = 0;  ///< 2^32 blocks are 16 TiB, the largest device
    std::uint32_t count = 0;
    std::uint32_t frame = 0;  ///< index into frames()
    std::uint32_t frame_block = 0;
  };
  /// `layers` in order, parent first, with their blobs' digests; only frames, extents, blobs and device_bytes are
  /// looked at, and nothing of them is kept. The device is as large as the last layer says. Throws Error L004 when a
  /// layer makes it smaller.
  struct Layer {
    Digest blob;
    const LayerIndex* index = nullptr;
  };
  explicit BlockMap(std::span<const Layer> layers);

  [[nodiscard]] std::uint64_t device_bytes() const { return device_bytes_; }
  /// Sorted by first block, disjoint; what lies between them is a hole.
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
  /// The frames that some block needs, in the order in which the device needs them; Frame::blob is an index into
  /// blobs().
  [[nodiscard]] const std::vector<Frame>& frames() const { return frames_; }
  [[nodiscard]] const std::vector<Digest>& blobs() const { return blobs_; }

  /// The number of the first piece that ends behind `block`: it holds the block, or `block` is in the hole before it.
  /// pieces().size() when there is none.
  [[nodiscard]] std::size_t find(std::uint32_t block) const;

 private:
  void index_pieces();

  std::uint64_t device_bytes_ = 0;
  std::vector<Piece> pieces_;
  std::vector<Frame> frames_;
  std::vector<Digest> blobs_;
  std::vector<std::uint32_t> starts_;   ///< pieces_[i].first: a search touches 4 bytes a step and not 16
  std::vector<std::uint32_t> samples_;  ///< every 256th of starts_: fits in the first-level cache
};

}  // namespace blueprint::layers
