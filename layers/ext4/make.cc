// An empty ext4: what mke2fs does, without a clock, without randomness and almost without blocks.
//
// - Groups stay uninitialised (BLOCK_UNINIT, INODE_UNINIT) until something is put into them, and INODE_ZEROED says that
// their
//   inode tables read as zeros, which a sparse device does: an untouched group costs nothing, and the kernel starts no
//   lazy initialisation thread in guests.
// - With flex_bg the tables and bitmaps of 16 groups lie together, so that metadata is contiguous and so is the rest.
// - Descriptor blocks for 1 TiB are reserved: the kernel grows the mounted root to the disk of a sandbox
// (EXT4_IOC_RESIZE_FS).
// - sparse_super, not sparse_super2, because the kernel refuses to grow the latter online.
// - The seeds of checksums (csum_seed) and of name hashes are the same in all our file systems: so the same directory
// with the
//   same inode numbers is the same block in each, and is stored once. The UUID, which differs, is in the superblock
//   only.

#include <algorithm>
#include <cstring>

#include "layers/ext4/filesystem_state.h"

namespace blueprint::layers::ext4 {
namespace {

constexpr std::uint32_t kBytesPerInode = 16384;
constexpr std::uint32_t kLogGroupsPerFlex = 4;
constexpr std::uint32_t kJournalBlocks = 16384;  ///< 64 MiB, less on a small device
constexpr std::uint64_t kGrowsToBytes = 1ULL << 40;
constexpr std::uint64_t kBytesPerDescriptorBlock =
    (kBlockSize / 64) * (128ULL << 20);  ///< 64-byte descriptors of 128 MiB
constexpr std::uint32_t kChecksumSeed = 0x626c7565;
constexpr char kHashSeed[] = "blueprint htree ";
static_assert(sizeof(kHashSeed) == 16 + 1);

ext2_super_block parameters(std::uint64_t device_bytes) {
  ext2_super_block param{};
  param.s_rev_level = EXT2_DYNAMIC_REV;
  param.s_log_block_size = 2;
  param.s_log_cluster_size = 2;
  param.s_inode_size = kInodeSize;
  ext2fs_blocks_count_set(&param, device_bytes / kBlockSize);
  param.s_inodes_count = static_cast<std::uint32_t>(device_bytes / kBytesPerInode);
  param.s_log_groups_per_flex = kLogGroupsPerFlex;
  param.s_feature_compat =
      EXT2_FEATURE_COMPAT_DIR_INDEX | EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE;
  param.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                             EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
                             EXT4_FEATURE_INCOMPAT_CSUM_SEED;
  param.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
                              EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
                              EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
  const std::uint64_t used = (device_bytes + kBytesPerDescriptorBlock - 1) / kBytesPerDescriptorBlock;
  const std::uint64_t wanted = kGrowsToBytes / kBytesPerDescriptorBlock;
  param.s_reserved_gdt_blocks = static_cast<std::uint16_t>(wanted > used ? wanted - used : 1);
  return param;
}

void fill_superblock(ext2_filsys fs, std::int64_t epoch) {
  ext2_super_block& super = *fs->super;
  fs->now = static_cast<time_t>(epoch);
  super.s_mkfs_time = static_cast<std::uint32_t>(epoch);
  super.s_lastcheck = static_cast<std::uint32_t>(epoch);
  super.s_wtime = static_cast<std::uint32_t>(epoch);
  super.s_checkinterval = 0;
  super.s_max_mnt_count = -1;
  super.s_errors = EXT2_ERRORS_CONTINUE;
  super.s_min_extra_isize = kExtraInodeSize;
  super.s_want_extra_isize = kExtraInodeSize;
  super.s_checksum_type = EXT2_CRC32C_CHKSUM;
  super.s_checksum_seed = kChecksumSeed;
  std::memcpy(super.s_hash_seed, kHashSeed, sizeof(super.s_hash_seed));
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_flags |= EXT2_FLAGS_SIGNED_HASH;
  super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
  ext2fs_r_blocks_count_set(&super, 0);
  ext2fs_init_csum_seed(fs);
}

}  // namespace

Filesystem Filesystem::make(BlockOverlay& overlay, std::int64_t epoch) {
  auto state = std::make_unique<State>(overlay);
  state->backups = State::Backups::Write;
  ext2_super_block param = parameters(overlay.block_count() * kBlockSize);
  state->check(
      ext2fs_initialize(state->channel.name().c_str(), EXT2_FLAG_64BITS, &param, IoChannel::manager(), &state->fs),
      "laying out the file system");
  ext2_filsys fs = state->fs;
  fill_superblock(fs, std::max<std::int64_t>(epoch, 1));

  state->check(ext2fs_allocate_tables(fs), "placing the inode tables");
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
    ext2fs_group_desc_csum_set(fs, group);
  }
  state->check(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, nullptr), "making the root directory");
  for (ext2_ino_t reserved = 1; reserved < EXT2_FIRST_INODE(fs->super); ++reserved) {
    if (reserved != EXT2_ROOT_INO) ext2fs_inode_alloc_stats2(fs, reserved, +1, 0);
  }
  state->check(ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found"), "making lost+found");
  state->check(ext2fs_create_resize_inode(fs), "reserving descriptor blocks");

  ext2fs_journal_params journal{};
  journal.num_journal_blocks = std::min<std::uint32_t>(
      kJournalBlocks, static_cast<std::uint32_t>(ext2fs_default_journal_size(ext2fs_blocks_count(fs->super))));
  blk64_t first_free = 0;
  state->check(ext2fs_new_block2(fs, 0, nullptr, &first_free), "placing the journal");
  state->check(ext2fs_add_journal_inode3(fs, &journal, first_free, EXT2_MKJOURNAL_NO_MNT_CHECK), "making the journal");
  return Filesystem(overlay, std::move(state));
}

}  // namespace blueprint::layers::ext4
