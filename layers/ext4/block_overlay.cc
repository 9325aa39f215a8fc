#include "layers/ext4/block_overlay.h"

#include <algorithm>

#include "layers/ext4/errors.h"

namespace blueprint::layers::ext4 {

BlockOverlay::BlockOverlay(const BlockSource* parent, std::uint64_t device_bytes)
    : parent_(parent), block_count_(device_bytes / kBlockSize) {}

const Block& BlockOverlay::read(BlockNumber block) const {
  if (const auto found = written_.find(block); found != written_.end()) return *found->second;
  if (discarded_.contains(block)) {
    last_read_ = {};
  } else {
    read_parent(block, last_read_);
  }
  return last_read_;
}

Block& BlockOverlay::modify(BlockNumber block) {
  if (const auto found = written_.find(block); found != written_.end()) return *found->second;
  const bool zeros = discarded_.contains(block);
  Block& bytes = fresh(block);
  if (!zeros) read_parent(block, bytes);
  return bytes;
}

Block& BlockOverlay::fresh(BlockNumber block) {
  if (block >= block_count_) throw bad_filesystem("a block number is out of range");
  discarded_.remove(block, 1);
  auto& slot = written_[block];
  if (slot) {
    *slot = {};
  } else {
    slot = std::make_unique<Block>();
  }
  return *slot;
}

void BlockOverlay::discard(BlockNumber first, std::uint64_t blocks) {
  if (blocks > written_.size()) {
    std::erase_if(written_, [&](const auto& entry) { return entry.first >= first && entry.first < first + blocks; });
  } else {
    for (BlockNumber block = first; block < first + blocks; ++block) written_.erase(block);
  }
  discarded_.add(first, blocks);
}

std::vector<BlockNumber> BlockOverlay::changed_blocks() const {
  std::vector<BlockNumber> result;
  Block before;
  for (const auto& [block, bytes] : written_) {
    read_parent(block, before);
    if (before != *bytes) result.push_back(block);
  }
  std::sort(result.begin(), result.end());
  return result;
}

void BlockOverlay::read_parent(BlockNumber block, Block& out) const {
  if (block >= block_count_) throw bad_filesystem("a block number is out of range");
  if (parent_ != nullptr && (block + 1) * kBlockSize <= parent_->device_bytes()) {
    parent_->read(block * kBlockSize, out);
  } else {
    out = {};
  }
}

}  // namespace blueprint::layers::ext4
