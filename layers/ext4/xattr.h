#pragma once

// Extended attributes: what fits lies behind the fields of the inode, the rest in one block.

#include <span>
#include <string_view>

#include "layers/changeset.h"
#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {

/// Replaces all extended attributes of `inode` by `xattrs`; allocates or frees the block as needed and keeps the
/// inode's block count right. Throws Error L023 naming `path` for a namespace that ext4 does not have, or more than one
/// block can hold.
void set_xattrs(Filesystem& fs, InodeNumber number, DiskInode& inode, std::span<const Xattr> xattrs,
                std::string_view path);

/// Gives up the block of extended attributes, which other inodes may share, as set_xattrs with none does.
void drop_xattrs(Filesystem& fs, DiskInode& inode);

/// The on-disk form of a POSIX ACL, from what getxattr(2) returns for system.posix_acl_*. Throws Error L023.
[[nodiscard]] std::string acl_to_disk(std::string_view value, std::string_view path);

}  // namespace blueprint::layers::ext4
