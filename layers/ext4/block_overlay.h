#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "layers/block_source.h"
#include "layers/ext4/block_ranges.h"
#include "layers/ext4/disk_format.h"

namespace blueprint::layers::ext4 {

/// The blocks of metadata that a layer writes, over the device of its parent. Holds what was written in memory; nothing
/// is written anywhere else. Not thread-safe.
class BlockOverlay {
 public:
  /// `parent` may be null: a device of zeros. It must outlive the overlay.
  BlockOverlay(const BlockSource* parent, std::uint64_t device_bytes);

  [[nodiscard]] BlockNumber block_count() const { return block_count_; }

  /// The block as it is now. The reference is good until the next call for a block that was not written.
  [[nodiscard]] const Block& read(BlockNumber block) const;
  /// The same to change; good until it is dropped.
  [[nodiscard]] Block& modify(BlockNumber block);
  /// A block of zeros to fill: its old bytes do not matter.
  [[nodiscard]] Block& fresh(BlockNumber block);
  /// The blocks hold no metadata any more: they read as zeros unless somebody puts data there.
  void discard(BlockNumber first, std::uint64_t blocks);

  /// Numbers of the written blocks whose bytes differ from the parent's, sorted.
  [[nodiscard]] std::vector<BlockNumber> changed_blocks() const;
  /// All that was ever discarded and not written again.
  [[nodiscard]] const BlockRanges& discarded() const { return discarded_; }

 private:
  void read_parent(BlockNumber block, Block& out) const;

  const BlockSource* parent_;
  BlockNumber block_count_;
  std::unordered_map<BlockNumber, std::unique_ptr<Block>> written_;
  BlockRanges discarded_;
  mutable Block last_read_{};
};

}  // namespace blueprint::layers::ext4
