#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/root_dir.h"
#include "base/thread_pool.h"
#include "layers/changeset.h"

namespace blueprint::layers {

/// One name in the upper directory of an overlay.
struct ScannedFile {
  std::string path;  ///< "" is the upper directory itself
  FileType type = FileType::Regular;
  bool whiteout = false;  ///< hides the name below; nothing else of it matters
  bool opaque = false;    ///< a directory that hides all that is below it in other layers
  Metadata metadata;      ///< times as they are; xattrs without overlayfs' own
  std::string target;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 1;
};

/// All names below `upper` but those in `skip` (and below), sorted as a changeset is. Follows no symbolic link and
/// enters no other file system. Directories are read by the threads of `pool`. Throws Error S057 for an upper directory
/// that does not stand alone (redirect_dir or metacopy), os_error naming the path.
[[nodiscard]] std::vector<ScannedFile> scan_upper(const RootDir& upper, const std::vector<std::string>& skip,
                                                  ThreadPool& pool);

}  // namespace blueprint::layers
