#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "layers/changeset.h"
#include "layers/ext4/directory.h"
#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {

/// A regular file that was put and whose data has no place yet.
struct PendingFile {
  std::size_t change = 0;  ///< index into what was applied
  InodeNumber inode = 0;
};

/// Applies a changeset to the names and inodes of a file system. What a removal frees is free at once; blocks for file
/// data are not allocated here.
///
/// A changeset comes in the order of paths, a directory directly before what is in it: so the directories from the root
/// to where we are form a stack, and one that is left is complete and written.
class TreeEditor {
 public:
  /// `fs` must outlive the editor.
  explicit TreeEditor(Filesystem& fs);

  /// Applies all of `changes`, which are sorted by sort_changes() and whose times are clamped. Returns the files that
  /// wait for data, in the same order. Throws Error L021, L022, L023; then the file system must be thrown away.
  [[nodiscard]] std::vector<PendingFile> apply(const std::vector<PlannedChange>& changes);

 private:
  void apply_one(const Change& change, std::size_t number);
  void apply_to_root(const Change& change);
  void change_metadata(Directory& parent, const Change& change, std::string_view name);
  void put(Directory& parent, const Change& change, std::size_t number, std::string_view name);
  void put_link(Directory& parent, const Change& change, std::string_view name);
  void put_directory(Directory& parent, const Change& change, std::string_view name);
  void put_file(Directory& parent, const Change& change, std::size_t number, std::string_view name);
  void write_new_inode(InodeNumber number, const Change& change);
  void enter(const Change& change);
  void leave_to(std::size_t depth);
  void set_directory_metadata(Directory& directory, const Change& change);
  void remove(Directory& parent, const DirectoryEntry& entry);
  void remove_contents(Directory& directory);
  void drop_link(InodeNumber number);
  void free_data(InodeNumber number, DiskInode& inode);
  [[nodiscard]] InodeNumber resolve(const Change& link);

  Filesystem& fs_;
  std::vector<Directory> open_;  ///< from the root to the directory of the change at hand
  std::unordered_map<std::string_view, InodeNumber> link_targets_;  ///< paths that hard links name; 0 = not put yet
  std::vector<PendingFile> pending_;
};

}  // namespace blueprint::layers::ext4
