#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layers/changeset.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// The files of an image: the changes of its layers merged, without ext4. Immutable once made; thread-safe.
class FileTree {
 public:
  struct Entry {
    std::string path;
    FileType type = FileType::Regular;
    Metadata metadata;
    std::string target;  ///< symlink
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t size = 0;
    Digest data_digest;
    std::uint32_t data_layer = 0;  ///< which of the layers (0 = first) holds the data's frames
    std::string data_path;         ///< the path of the Put in that layer: equals `path` but for a hard link
    std::uint64_t inode = 0;       ///< entries with the same number are names of one file; counts from 1 in path order
    std::uint32_t links = 1;
  };

  /// `layers` in order, parent first.
  explicit FileTree(const std::vector<std::shared_ptr<const LayerIndex>>& layers);

  /// Sorted as a changeset is. The root directory "" is always there.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// Exactly this path: no symbolic link is followed.
  [[nodiscard]] const Entry* find(std::string_view path) const;
  /// Follows symbolic links as a chroot would, at most 40; null when it does not resolve.
  [[nodiscard]] const Entry* resolve(std::string_view path) const;
  /// Names directly in the directory `path`, sorted.
  [[nodiscard]] std::vector<const Entry*> list(std::string_view path) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace blueprint::layers
