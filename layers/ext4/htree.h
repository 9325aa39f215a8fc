#pragma once

// The index of a directory that is larger than one block.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/ext4/directory_block.h"
#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {

/// The blocks of a directory, by their number in it.
class DirectoryBlocks {
 public:
  virtual ~DirectoryBlocks() = default;
  [[nodiscard]] virtual std::uint32_t count() const = 0;
  /// Good until the next call.
  [[nodiscard]] virtual const Block& read(std::uint32_t number) = 0;
  [[nodiscard]] virtual Block& modify(std::uint32_t number) = 0;
  /// One more block, at the end.
  virtual std::uint32_t append() = 0;
};

/// An htree: a B-tree of one or two levels (DiskFormat: HtreeRoot, HtreeEntry) over blocks of entries, the leaves,
/// which hold the names of one range of hashes each. All of the index is in memory, leaves are read when they are
/// needed.
class Htree {
 public:
  struct Context {
    const Filesystem& fs;
    DirectoryBlocks& blocks;
    std::uint32_t inode_seed;
    std::string path;  ///< of the directory, for errors
  };

  /// Makes the htree of `entries` (without "." and "..", any order) in `blocks`, whose blocks are all overwritten.
  /// `self` and `parent` are what "." and
  /// ".." stand for. Leaves are filled to seven eighths, so that a layer that adds a few names splits none.
  static void build(const Context& context, std::vector<DirectoryEntry> entries, InodeNumber self, InodeNumber parent);

  /// Reads the index. Throws Error L020 when it is damaged.
  explicit Htree(const Context& context);

  [[nodiscard]] std::optional<DirectoryEntry> find(std::string_view name) const;
  void insert(const DirectoryEntry& entry);
  [[nodiscard]] bool remove(std::string_view name);
  [[nodiscard]] bool replace(const DirectoryEntry& entry);
  /// The numbers of all leaves, by hash.
  [[nodiscard]] std::vector<std::uint32_t> leaves() const;
  /// Writes the blocks of the index that changed.
  void commit();

 private:
  /// A block of the index that points to leaves: the root itself, or a node below it.
  struct Node {
    std::uint32_t number = 0;
    std::vector<HtreeEntry> entries;
    bool changed = false;
  };
  struct Place {
    std::size_t node = 0;
    std::size_t entry = 0;
  };
  [[nodiscard]] Place place_of(std::uint32_t hash) const;
  [[nodiscard]] Place find_leaf(std::uint32_t leaf) const;
  /// Moves on to the next leaf if it goes on with the names of `hash`.
  [[nodiscard]] bool next(Place& place, std::uint32_t hash) const;
  [[nodiscard]] std::uint32_t leaf_at(const Place& place) const {
    return nodes_[place.node].entries[place.entry].block;
  }
  template <typename Try>
  bool try_leaves(std::string_view name, Try&& try_leaf) const;
  void split_leaf(const Place& place);
  void make_room(std::size_t node);
  void read_leaf_checked(std::uint32_t leaf) const;

  Context context_;
  std::uint8_t hash_version_ = 0;
  bool two_levels_ = false;  ///< nodes below the root; else the root is the only element of nodes_
  bool root_changed_ = false;
  std::vector<Node> nodes_;
};

}  // namespace blueprint::layers::ext4
