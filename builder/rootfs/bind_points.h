#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/root_dir.h"
#include "builder/rootfs/build_root.h"

namespace blueprint::rootfs {

/// Files and directories that mounts need as mount points and that a tree lacks: there as long as the object lives.
/// What a command has put beside them stays, and so do the directories that then hold it.
class BindPoints {
 public:
  /// `root` must outlive the object. Throws os_error when one cannot be made.
  BindPoints(const RootDir& root, const std::vector<RunOptions::Mount>& mounts);
  ~BindPoints();
  BindPoints(const BindPoints&) = delete;
  BindPoints& operator=(const BindPoints&) = delete;

 private:
  enum class Kind {
    File,
    Directory,
    Memory
  };  ///< Memory: for everybody, as a runtime gives a tmpfs the mode it covers
  struct Made {
    std::string path;
    Kind kind;
    std::string parent;         ///< the directory that holds it
    struct stat parent_before;  ///< before it was made
    timespec parent_after;      ///< the parent's time when it was
  };
  void ensure(const std::string& path, Kind kind);
  void make(const std::string& path, Kind kind);

  const RootDir& root_;
  std::vector<Made> made_;
};

}  // namespace blueprint::rootfs
