#pragma once

// The structures of ext4 as they lie on the disk, those that we read and write ourselves. Names and offsets follow
// Documentation/filesystems/ext4 of the kernel. All integers are little-endian, and so is every machine that we run on.
//
// Superblock, group descriptors, bitmaps, journal and resize inode are libext2fs' business (filesystem.cc, make.cc).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "layers/changeset.h"

namespace blueprint::layers::ext4 {

static_assert(std::endian::native == std::endian::little, "the structures below are copied to the disk as they are");

using Block = std::array<std::byte, kBlockSize>;
using InodeNumber = std::uint32_t;
using BlockNumber = std::uint64_t;  ///< of the device, in units of kBlockSize

inline constexpr InodeNumber kRootInode = 2;
inline constexpr InodeNumber kFirstInode = 11;  ///< lost+found; those before are reserved
inline constexpr std::size_t kInodeSize = 256;
inline constexpr std::uint16_t kExtraInodeSize = 32;  ///< of the fields after the first 128 bytes, up to projid
inline constexpr std::uint32_t kMaxLinks = 65000;     ///< EXT4_LINK_MAX
inline constexpr std::uint32_t kSectorsPerBlock = 8;  ///< i_blocks counts 512 bytes
inline constexpr std::size_t kFastSymlinkSize = 60;   ///< a shorter target lies in i_block

// i_mode
inline constexpr std::uint16_t kTypeMask = 0xf000;
inline constexpr std::uint16_t kFifo = 0x1000;
inline constexpr std::uint16_t kCharDevice = 0x2000;
inline constexpr std::uint16_t kDirectory = 0x4000;
inline constexpr std::uint16_t kBlockDevice = 0x6000;
inline constexpr std::uint16_t kRegular = 0x8000;
inline constexpr std::uint16_t kSymlink = 0xa000;
inline constexpr std::uint16_t kSocket = 0xc000;

// i_flags
inline constexpr std::uint32_t kIndexFlag = 0x1000;      ///< a directory with an htree
inline constexpr std::uint32_t kHugeFileFlag = 0x40000;  ///< i_blocks counts blocks of the file system
inline constexpr std::uint32_t kExtentsFlag = 0x80000;
inline constexpr std::uint32_t kInlineDataFlag = 0x10000000;

struct DiskInode {
  std::uint16_t mode = 0;
  std::uint16_t uid_low = 0;
  std::uint32_t size_low = 0;
  std::uint32_t atime = 0;
  std::uint32_t ctime = 0;
  std::uint32_t mtime = 0;
  std::uint32_t dtime = 0;
  std::uint16_t gid_low = 0;
  std::uint16_t links = 0;
  std::uint32_t blocks_low = 0;
  std::uint32_t flags = 0;
  std::uint32_t version_low = 0;
  std::array<std::byte, 60> block{};  ///< extent tree root, fast symlink or device number
  std::uint32_t generation = 0;
  std::uint32_t xattr_block_low = 0;
  std::uint32_t size_high = 0;
  std::uint32_t obsolete_fragment = 0;
  std::uint16_t blocks_high = 0;
  std::uint16_t xattr_block_high = 0;
  std::uint16_t uid_high = 0;
  std::uint16_t gid_high = 0;
  std::uint16_t checksum_low = 0;
  std::uint16_t reserved = 0;
  // From here on: the 128 bytes that ext2 did not have.
  std::uint16_t extra_size = kExtraInodeSize;
  std::uint16_t checksum_high = 0;
  std::uint32_t ctime_extra = 0;
  std::uint32_t mtime_extra = 0;
  std::uint32_t atime_extra = 0;
  std::uint32_t crtime = 0;
  std::uint32_t crtime_extra = 0;
  std::uint32_t version_high = 0;
  std::uint32_t project = 0;
  std::array<std::byte, 96> xattrs{};  ///< see xattr.h
};
static_assert(sizeof(DiskInode) == kInodeSize && offsetof(DiskInode, extra_size) == 128 &&
              offsetof(DiskInode, xattrs) == 160);

/// A directory entry is this, the name, and padding to 4 bytes.
struct DiskDirent {
  std::uint32_t inode = 0;
  std::uint16_t record_size = 0;
  std::uint8_t name_size = 0;
  std::uint8_t file_type = 0;
};
static_assert(sizeof(DiskDirent) == 8);

/// The end of a directory block: looks like an unused entry to what knows nothing of checksums.
struct DirentTail {
  std::uint32_t zero_inode = 0;
  std::uint16_t record_size = 12;
  std::uint8_t zero_name_size = 0;
  std::uint8_t file_type = 0xde;
  std::uint32_t checksum = 0;
};
static_assert(sizeof(DirentTail) == 12);

/// The root of an htree: block 0 of the directory. `.` and `..` look as in a linear directory, and `..` reaches to the
/// end of the block, so that what knows nothing of htrees finds a valid block.
struct HtreeRoot {
  DiskDirent dot;
  std::array<char, 4> dot_name{'.'};
  DiskDirent dot_dot;
  std::array<char, 4> dot_dot_name{'.', '.'};
  std::uint32_t reserved = 0;
  std::uint8_t hash_version = 0;
  std::uint8_t info_size = 8;
  std::uint8_t indirect_levels = 0;  ///< levels of HtreeNode between the root and the leaves
  std::uint8_t unused_flags = 0;
};
static_assert(sizeof(HtreeRoot) == 32);

/// From `hash` on (until the next entry's hash), names are in or below `block` of the directory. The first entry of a
/// block has no hash: HtreeLimit lies in its place. Bit 0 of a hash says that names of the same hash are in the block
/// before, too.
struct HtreeEntry {
  std::uint32_t hash = 0;
  std::uint32_t block = 0;
};
struct HtreeLimit {
  std::uint16_t limit = 0;  ///< entries that fit
  std::uint16_t count = 0;
};
struct HtreeTail {
  std::uint32_t reserved = 0;
  std::uint32_t checksum = 0;
};

struct ExtentHeader {
  static constexpr std::uint16_t kMagic = 0xf30a;
  std::uint16_t magic = kMagic;
  std::uint16_t entries = 0;
  std::uint16_t max = 0;
  std::uint16_t depth = 0;  ///< 0: the entries are leaves
  std::uint32_t generation = 0;
};
struct ExtentLeaf {
  std::uint32_t logical = 0;
  std::uint16_t length = 0;  ///< above kMaxExtentBlocks: that much more, allocated but not written
  std::uint16_t physical_high = 0;
  std::uint32_t physical_low = 0;
};
struct ExtentNode {
  std::uint32_t logical = 0;
  std::uint32_t child_low = 0;
  std::uint16_t child_high = 0;
  std::uint16_t unused = 0;
};
static_assert(sizeof(ExtentHeader) == 12 && sizeof(ExtentLeaf) == 12 && sizeof(ExtentNode) == 12);
inline constexpr std::uint32_t kMaxExtentBlocks = 32768;

struct XattrEntry {
  std::uint8_t name_size = 0;
  std::uint8_t name_index = 0;
  std::uint16_t value_offset = 0;
  std::uint32_t value_inode = 0;
  std::uint32_t value_size = 0;
  std::uint32_t hash = 0;
};
static_assert(sizeof(XattrEntry) == 16);
inline constexpr std::uint32_t kXattrMagic = 0xea020000;
struct XattrBlockHeader {
  std::uint32_t magic = kXattrMagic;
  std::uint32_t references = 1;
  std::uint32_t blocks = 1;
  std::uint32_t hash = 0;
  std::uint32_t checksum = 0;
  std::array<std::uint32_t, 3> reserved{};
};
static_assert(sizeof(XattrBlockHeader) == 32);

}  // namespace blueprint::layers::ext4
