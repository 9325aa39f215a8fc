#pragma once

// Which blocks of the device hold which blocks of a file.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {

/// `blocks` blocks of a file from `logical` on lie at `physical` on.
struct FileRun {
  std::uint64_t logical = 0;
  BlockNumber physical = 0;
  std::uint64_t blocks = 0;
  bool operator==(const FileRun&) const = default;
};

struct ExtentTree {
  std::vector<FileRun> runs;       ///< sorted, disjoint; blocks in none of them are holes
  std::vector<BlockNumber> nodes;  ///< blocks of the tree itself
};

/// Throws Error L020 for a tree that is damaged. An inode without blocks of its own (a fast symlink, a device) gives
/// nothing.
[[nodiscard]] ExtentTree read_extents(const Filesystem& fs, InodeNumber number, const DiskInode& inode);

/// Makes the tree of `inode` and sets its flags; up to four extents lie in the inode, more in blocks that are allocated
/// here. Adjacent runs must be merged. Returns how many blocks the tree took. `path` is for errors.
std::uint64_t write_extents(Filesystem& fs, InodeNumber number, DiskInode& inode, std::span<const FileRun> runs,
                            std::string_view path);

}  // namespace blueprint::layers::ext4
