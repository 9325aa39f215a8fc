#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "layers/ext4/block_overlay.h"
#include "layers/ext4/disk_format.h"

namespace blueprint::layers::ext4 {

/// The continuation of CRC-32C as ext4 uses it: no inversion at the ends.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t seed, std::span<const std::byte> bytes);

template <typename Value>
[[nodiscard]] std::uint32_t crc32c_of(std::uint32_t seed, const Value& value) {
  return crc32c(seed, std::as_bytes(std::span(&value, 1)));
}

/// What htrees sort names by.
struct NameHash {
  std::uint32_t major = 0;  ///< even: bit 0 is not part of it
  std::uint32_t minor = 0;
  auto operator<=>(const NameHash&) const = default;
};

/// An ext4 file system in a BlockOverlay: allocation of inodes and blocks, inodes as stored, and the fixed metadata, by
/// libext2fs.
///
/// A freed block is discarded in the overlay, so that its old bytes cannot be reached. Nothing of superblock, group
/// descriptors and bitmaps is in the overlay before commit(). Not thread-safe.
class Filesystem {
 public:
  /// Opens the file system that is in `overlay`, which must outlive this. Throws Error L020 when it is no ext4 that we
  /// can continue: damaged, with a journal to replay, or with features that we do not write.
  [[nodiscard]] static Filesystem open(BlockOverlay& overlay);
  /// Makes an empty file system (root and lost+found) over the whole overlay; see make.cc. Times are `epoch`.
  [[nodiscard]] static Filesystem make(BlockOverlay& overlay, std::int64_t epoch);

  ~Filesystem();
  Filesystem(Filesystem&&) noexcept;
  Filesystem& operator=(Filesystem&&) = delete;

  [[nodiscard]] BlockOverlay& overlay() { return overlay_; }
  [[nodiscard]] const BlockOverlay& overlay() const { return overlay_; }

  // Inodes.
  [[nodiscard]] DiskInode read_inode(InodeNumber number) const;
  /// Sets the checksum and stores it.
  void write_inode(InodeNumber number, DiskInode inode);
  /// The first free inode from the group of `near` on; `path` is for the error L021 when there is none.
  enum class InodeUse { File, Directory };
  [[nodiscard]] InodeNumber allocate_inode(InodeNumber near, InodeUse use, std::string_view path);
  /// Also overwrites it with zeros.
  void free_inode(InodeNumber number, InodeUse use);
  /// What checksums of an inode's blocks start from.
  [[nodiscard]] std::uint32_t inode_seed(InodeNumber number, std::uint32_t generation) const;

  // Blocks.
  /// One block for metadata: the first free one of the device.
  [[nodiscard]] BlockNumber allocate_block(std::string_view path);
  /// Room for `blocks` blocks of data in as few and as long ranges as the free space allows, behind what was allocated
  /// by the call before.
  [[nodiscard]] std::vector<BlockRange> allocate_data(std::uint64_t blocks, std::string_view path);
  void free_blocks(BlockRange range);
  [[nodiscard]] std::uint64_t free_block_count() const;

  // The superblock.
  [[nodiscard]] std::uint32_t checksum_seed() const;
  /// `hash_version` as in HtreeRoot; the signedness of the superblock is applied.
  [[nodiscard]] NameHash hash_name(std::string_view name, std::uint8_t hash_version) const;
  [[nodiscard]] std::uint8_t default_hash_version() const;
  void set_uuid(std::span<const std::uint8_t, 16> uuid);

  /// Writes superblock, descriptors and bitmaps to the overlay. `epoch` is the time of this writing. Call once, at the
  /// end.
  void commit(std::int64_t epoch);

 private:
  struct State;
  Filesystem(BlockOverlay& overlay, std::unique_ptr<State> state);
  BlockOverlay& overlay_;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::layers::ext4
