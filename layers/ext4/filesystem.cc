// Allocation and the fixed metadata, by libext2fs. Its bitmaps are red-black trees of ranges, so that an empty device
// of any size costs nothing, and one range of data is one insertion.

#include "layers/ext4/filesystem.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "layers/ext4/errors.h"
#include "layers/ext4/filesystem_state.h"

namespace blueprint::layers::ext4 {
namespace {

/// Shorter free ranges are passed over while a file that is longer can still go behind them: 8 MiB.
constexpr std::uint64_t kGoodRange = 2048;

bool reads_as_zeros(const DiskInode& inode) {
  const DiskInode zeros = std::bit_cast<DiskInode>(std::array<std::byte, kInodeSize>{});
  return std::memcmp(&inode, &zeros, sizeof(inode)) == 0;
}

/// Features that we know how to keep consistent. Others could have structures that we would leave stale.
constexpr std::uint32_t kKnownIncompatible = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                             EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
                                             EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT2_FEATURE_INCOMPAT_META_BG;
constexpr std::uint32_t kNeededIncompatible =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT;

void check_features(const ext2_super_block& super) {
  if ((super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0) {
    throw bad_filesystem("its journal was not replayed");
  }
  if ((super.s_feature_incompat & ~kKnownIncompatible) != 0 ||
      (super.s_feature_incompat & kNeededIncompatible) != kNeededIncompatible ||
      (super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) == 0 ||
      EXT2_BLOCK_SIZE(&super) != kBlockSize || super.s_inode_size != kInodeSize) {
    throw bad_filesystem("it has not the features that blueprint writes");
  }
}

}  // namespace

std::uint32_t crc32c(std::uint32_t seed, std::span<const std::byte> bytes) {
  return ext2fs_crc32c_le(seed, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Filesystem::Filesystem(BlockOverlay& overlay, std::unique_ptr<State> state)
    : overlay_(overlay), state_(std::move(state)) {}
Filesystem::~Filesystem() = default;
Filesystem::Filesystem(Filesystem&&) noexcept = default;

Filesystem Filesystem::open(BlockOverlay& overlay) {
  auto state = std::make_unique<State>(overlay);
  state->check(ext2fs_open2(state->channel.name().c_str(), nullptr, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0,
                            IoChannel::manager(), &state->fs),
               "reading the superblock");
  check_features(*state->fs->super);
  state->fs->default_bitmap_type = EXT2FS_BMAP64_RBTREE;
  state->check(ext2fs_read_bitmaps(state->fs), "reading the bitmaps");
  return Filesystem(overlay, std::move(state));
}

namespace {

struct InodePlace {
  BlockNumber block = 0;
  std::size_t offset = 0;
};

InodePlace place_of(ext2_filsys fs, InodeNumber number) {
  if (number == 0 || number > fs->super->s_inodes_count) throw bad_filesystem("an inode number is out of range");
  const std::uint32_t group = (number - 1) / fs->super->s_inodes_per_group;
  const std::uint64_t offset = ((number - 1) % fs->super->s_inodes_per_group) * std::uint64_t{kInodeSize};
  return {ext2fs_inode_table_loc(fs, group) + offset / kBlockSize, offset % kBlockSize};
}

}  // namespace

DiskInode Filesystem::read_inode(InodeNumber number) const {
  const InodePlace place = place_of(state_->fs, number);
  DiskInode inode;
  std::memcpy(&inode, overlay_.read(place.block).data() + place.offset, sizeof(inode));
  return inode;
}

void Filesystem::write_inode(InodeNumber number, DiskInode inode) {
  if (!reads_as_zeros(inode)) {
    inode.checksum_low = 0;
    inode.checksum_high = 0;
    const std::uint32_t checksum = crc32c_of(inode_seed(number, inode.generation), inode);
    inode.checksum_low = static_cast<std::uint16_t>(checksum);
    inode.checksum_high = static_cast<std::uint16_t>(checksum >> 16);
  }
  const InodePlace place = place_of(state_->fs, number);
  std::memcpy(overlay_.modify(place.block).data() + place.offset, &inode, sizeof(inode));
}

InodeNumber Filesystem::allocate_inode(InodeNumber near, InodeUse use, std::string_view path) {
  ext2_filsys fs = state_->fs;
  const std::uint32_t per_group = fs->super->s_inodes_per_group;
  const std::uint32_t group = (near - 1) / per_group;
  const InodeNumber group_first = std::max(group * per_group + 1, EXT2_FIRST_INODE(fs->super));
  InodeNumber& from = state_->inode_from.try_emplace(group, group_first).first->second;

  InodeNumber found = 0;
  if (ext2fs_find_first_zero_inode_bitmap2(fs->inode_map, from, fs->super->s_inodes_count, &found) != 0 &&
      ext2fs_find_first_zero_inode_bitmap2(fs->inode_map, EXT2_FIRST_INODE(fs->super), fs->super->s_inodes_count,
                                           &found) != 0) {
    throw device_full(path, "inode");
  }
  from = found + 1;
  ext2fs_inode_alloc_stats2(fs, found, +1, use == InodeUse::Directory ? 1 : 0);
  return found;
}

void Filesystem::free_inode(InodeNumber number, InodeUse use) {
  if (ext2fs_test_inode_bitmap2(state_->fs->inode_map, number) == 0) {
    throw bad_filesystem("an inode is in use and not in use");
  }
  ext2fs_inode_alloc_stats2(state_->fs, number, -1, use == InodeUse::Directory ? 1 : 0);
  write_inode(number, std::bit_cast<DiskInode>(std::array<std::byte, kInodeSize>{}));
  // Any group's search may have passed it.
  for (auto& [group, from] : state_->inode_from) {
    if (number < from && number > group * state_->fs->super->s_inodes_per_group) from = number;
  }
}

std::uint32_t Filesystem::inode_seed(InodeNumber number, std::uint32_t generation) const {
  return crc32c_of(crc32c_of(checksum_seed(), number), generation);
}

BlockNumber Filesystem::allocate_block(std::string_view path) {
  ext2_filsys fs = state_->fs;
  blk64_t found = 0;
  if (ext2fs_find_first_zero_block_bitmap2(fs->block_map,
                                           std::max<blk64_t>(state_->block_cursor, fs->super->s_first_data_block),
                                           ext2fs_blocks_count(fs->super) - 1, &found) != 0) {
    throw device_full(path, "block");
  }
  state_->block_cursor = found + 1;
  ext2fs_block_alloc_stats_range(fs, found, 1, +1);
  return found;
}

std::vector<BlockRange> Filesystem::allocate_data(std::uint64_t blocks, std::string_view path) {
  ext2_filsys fs = state_->fs;
  const blk64_t last = ext2fs_blocks_count(fs->super) - 1;
  if (blocks > free_block_count()) throw device_full(path, "blocks");

  std::vector<BlockRange> result;
  // First pass: only ranges that are good enough, behind the cursor. Second: the same from the start. Third: anything.
  std::uint64_t least = std::min(blocks, kGoodRange);
  int passes_left = 2;
  while (blocks > 0) {
    blk64_t first = 0;
    if (state_->data_cursor > last ||
        ext2fs_find_first_zero_block_bitmap2(fs->block_map, state_->data_cursor, last, &first) != 0) {
      if (passes_left-- == 0) throw device_full(path, "blocks");
      state_->data_cursor = fs->super->s_first_data_block;
      if (passes_left == 0) least = 1;
      continue;
    }
    blk64_t end = 0;
    if (ext2fs_find_first_set_block_bitmap2(fs->block_map, first, last, &end) != 0) end = last + 1;
    state_->data_cursor = end;
    if (end - first < std::min(blocks, least)) continue;
    const std::uint64_t take = std::min<std::uint64_t>(end - first, blocks);
    ext2fs_block_alloc_stats_range(fs, first, static_cast<blk_t>(take), +1);
    state_->data_cursor = first + take;
    result.push_back({first, take});
    blocks -= take;
  }
  return result;
}

void Filesystem::free_blocks(BlockRange range) {
  ext2_filsys fs = state_->fs;
  if (range.first + range.blocks > overlay_.block_count()) throw bad_filesystem("a block number is out of range");
  blk64_t free_already = 0;
  if (range.blocks == 0 || ext2fs_find_first_zero_block_bitmap2(fs->block_map, range.first,
                                                                range.first + range.blocks - 1, &free_already) == 0) {
    throw bad_filesystem("two files have the same block");
  }
  ext2fs_block_alloc_stats_range(fs, range.first, static_cast<blk_t>(range.blocks), -1);
  overlay_.discard(range.first, range.blocks);
  state_->block_cursor = std::min<BlockNumber>(state_->block_cursor, range.first);
}

std::uint64_t Filesystem::free_block_count() const { return ext2fs_free_blocks_count(state_->fs->super); }

std::uint32_t Filesystem::checksum_seed() const { return state_->fs->csum_seed; }

NameHash Filesystem::hash_name(std::string_view name, std::uint8_t hash_version) const {
  const ext2_super_block& super = *state_->fs->super;
  const bool is_unsigned = (super.s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0;
  NameHash hash;
  const int version = hash_version <= EXT2_HASH_TEA && is_unsigned ? hash_version + 3 : hash_version;
  state_->check(ext2fs_dirhash2(version, name.data(), static_cast<int>(name.size()), nullptr, 0, super.s_hash_seed,
                                &hash.major, &hash.minor),
                "hashing a name");
  return hash;
}

std::uint8_t Filesystem::default_hash_version() const { return state_->fs->super->s_def_hash_version; }

void Filesystem::set_uuid(std::span<const std::uint8_t, 16> uuid) {
  std::memcpy(state_->fs->super->s_uuid, uuid.data(), uuid.size());
  ext2fs_mark_super_dirty(state_->fs);
}

void Filesystem::commit(std::int64_t epoch) {
  ext2_filsys fs = state_->fs;
  // 0 would mean "ask the clock" to libext2fs.
  fs->now = static_cast<time_t>(std::max<std::int64_t>(epoch, 1));
  if (state_->backups == State::Backups::Keep) fs->flags |= EXT2_FLAG_MASTER_SB_ONLY;
  state_->check(ext2fs_flush2(fs, 0), "writing superblock and bitmaps");
}

}  // namespace blueprint::layers::ext4
