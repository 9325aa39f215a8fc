#pragma once

// Fields of a DiskInode that lie in more than one place.

#include <cstdint>
#include <string_view>

#include "layers/changeset.h"
#include "layers/ext4/disk_format.h"

namespace blueprint::layers::ext4 {

[[nodiscard]] std::uint16_t mode_type(FileType type);
/// The type byte of a directory entry.
[[nodiscard]] std::uint8_t dirent_type(FileType type);

[[nodiscard]] inline bool is_directory(const DiskInode& inode) { return (inode.mode & kTypeMask) == kDirectory; }
[[nodiscard]] inline bool is_regular(const DiskInode& inode) { return (inode.mode & kTypeMask) == kRegular; }

[[nodiscard]] inline std::uint64_t size_of(const DiskInode& inode) {
  return inode.size_low | std::uint64_t{inode.size_high} << 32;
}
void set_size(DiskInode& inode, std::uint64_t size_bytes);

/// Blocks that the inode owns: data, tree and xattrs.
[[nodiscard]] std::uint64_t block_count_of(const DiskInode& inode);
void set_block_count(DiskInode& inode, std::uint64_t blocks);

[[nodiscard]] BlockNumber xattr_block_of(const DiskInode& inode);
void set_xattr_block(DiskInode& inode, BlockNumber block);

/// `time`, but not after `epoch`.
[[nodiscard]] Timestamp clamped(Timestamp time, std::int64_t epoch);

/// Mode (the type stays), owner, and all four times, which become the modification time.
void set_metadata(DiskInode& inode, const Metadata& metadata);
/// The generation of a file: a function of its path, so that the same file is the same inode in every image.
[[nodiscard]] std::uint32_t generation_of(std::string_view path);

/// i_block of a device, in the kernel's new encoding where the old one is too small.
void set_device(DiskInode& inode, std::uint32_t major, std::uint32_t minor);

}  // namespace blueprint::layers::ext4
