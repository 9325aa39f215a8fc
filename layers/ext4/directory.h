#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layers/ext4/directory_block.h"
#include "layers/ext4/extent_tree.h"
#include "layers/ext4/filesystem.h"
#include "layers/ext4/htree.h"

namespace blueprint::layers::ext4 {

/// One directory being changed: its inode and its entries, without "." and "..". Nothing is in the file system before
/// commit(); between the two, nobody else may touch its inode or its blocks.
///
/// A directory with an htree is edited in place, leaf by leaf. One without is small: it is held as a sorted list and
/// written as a whole, with an htree when it has grown over one block.
class Directory {
 public:
  /// Of an inode that exists. Reads the inode only; its blocks are read when they are needed.
  [[nodiscard]] static Directory open(Filesystem& fs, InodeNumber number, std::string path);
  /// A new and empty one at an allocated inode.
  [[nodiscard]] static Directory make(Filesystem& fs, InodeNumber number, InodeNumber parent, std::string path);

  Directory(Directory&&) noexcept;
  Directory& operator=(Directory&&) = delete;
  ~Directory();

  [[nodiscard]] InodeNumber number() const { return number_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const DiskInode& inode() const { return inode_; }
  /// To change metadata and xattrs.
  [[nodiscard]] DiskInode& change_inode() {
    inode_changed_ = true;
    return inode_;
  }

  [[nodiscard]] std::optional<DirectoryEntry> find(std::string_view name);
  /// The name must not be there yet. Entries that come in order of names are inserted fastest.
  void insert(DirectoryEntry entry);
  /// The name must be there.
  void replace(const DirectoryEntry& entry);
  void remove(std::string_view name);
  /// All, in no particular order.
  [[nodiscard]] std::vector<DirectoryEntry> entries();

  /// A subdirectory came or went: its ".." is a link to this one.
  void add_subdirectory();
  void drop_subdirectory();

  /// Writes what changed.
  void commit();
  /// Frees blocks and inode instead; entries must have been dealt with before.
  void destroy();

 private:
  class Blocks;
  enum class Form { Unread, List, Indexed };

  Directory(Filesystem& fs, InodeNumber number, DiskInode inode, std::string path);
  void load();
  void load_list();
  [[nodiscard]] std::vector<DirectoryEntry>::iterator list_position(std::string_view name);
  void write_list();
  void write_blocks();
  void recount_subdirectories();

  Filesystem& fs_;
  InodeNumber number_;
  InodeNumber parent_ = 0;  ///< what ".." is; read with the list
  std::string path_;
  DiskInode inode_;
  bool inode_changed_ = false;
  Form form_ = Form::Unread;
  bool list_changed_ = false;
  bool recount_ = false;
  std::vector<DirectoryEntry> list_;  ///< Form::List: sorted by name
  std::unique_ptr<Blocks> blocks_;
  std::unique_ptr<Htree> htree_;  ///< Form::Indexed
};

}  // namespace blueprint::layers::ext4
