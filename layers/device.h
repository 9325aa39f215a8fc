#pragma once

#include <memory>
#include <span>
#include <vector>

#include "layers/blob_reader.h"
#include "layers/block_map.h"
#include "layers/block_source.h"
#include "layers/frame_cache.h"
#include "layers/frame_loader.h"
#include "layers/image.h"

namespace blueprint::layers {

/// The device of an image: a block map over verified frames. Thread-safe.
class ImageDevice final : public BlockSource {
 public:
  /// Holds at most about `cache_bytes` of decompressed data.
  ImageDevice(std::unique_ptr<const BlobReader> blobs, BlockMap map, std::uint64_t cache_bytes);

  [[nodiscard]] std::uint64_t device_bytes() const override { return map_.device_bytes(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override;
  [[nodiscard]] std::vector<Run> runs(std::uint64_t offset, std::uint64_t length) const override;

  [[nodiscard]] const BlockMap& map() const { return map_; }
  [[nodiscard]] std::uint64_t cached_bytes() const { return cache_.held_bytes(); }

 private:
  [[nodiscard]] std::shared_ptr<const FrameCache::Data> frame(std::uint32_t number) const;

  std::unique_ptr<const BlobReader> blobs_;
  BlockMap map_;
  FrameLoader loader_;
  mutable FrameCache cache_;
};

/// The index of a layer blob: reads the footer, then the index, and nothing else. Throws Error L001, L002.
[[nodiscard]] LayerIndex load_index(const BlobReader& blobs, const Digest& layer, IndexParts parts);

/// The device of `layers` (parent first), whose blobs come from `blobs`. What open_device() of a store does with its
/// files.
[[nodiscard]] std::unique_ptr<ImageDevice> open_device(std::unique_ptr<const BlobReader> blobs,
                                                       std::span<const LayerRef> layers, std::uint64_t cache_bytes);

}  // namespace blueprint::layers
