#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "layers/block_source.h"
#include "layers/changeset.h"
#include "layers/ext4/block_ranges.h"

namespace blueprint::layers::ext4 {

/// Blocks of a file that have a place on the device.
struct PlacedRun {
  std::uint64_t file_block = 0;
  std::uint64_t device_block = 0;
  std::uint64_t blocks = 0;
  bool operator==(const PlacedRun&) const = default;
};

struct PlacedFile {
  std::size_t change = 0;  ///< index into the changes
  std::vector<PlacedRun> runs;
};

/// Writes the ext4 of a layer: the metadata blocks that change, and where file data goes, never the data itself.
///
///   apply()         names and inodes
///   place_file()…   every pending file gets its blocks, in the order of the changes
///     (from here on the addresses of all data are fixed, and the data can be streamed)
///   finish_file()…  blocks that turned out to be holes are given back, and the extents are written
///   commit()        bitmaps, descriptors, superblock: now metadata() is complete
///
/// The calls come in this order. Not thread-safe.
class Author {
 public:
  /// Continues the file system on `parent`, which must outlive this, or makes one of `device_bytes` when it is null.
  /// Throws Error L020 when the parent has none that we can continue.
  Author(const BlockSource* parent, std::uint64_t device_bytes, std::int64_t epoch);
  ~Author();
  Author(const Author&) = delete;
  Author& operator=(const Author&) = delete;

  /// `changes` are sorted, and clamped to the epoch. Must stay as they are until commit().
  void apply(const std::vector<PlannedChange>& changes);

  /// Indices of the changes that have data to place, in order.
  [[nodiscard]] std::vector<std::size_t> files() const;
  /// Gives the next of files() room for `parts` of it, sorted and disjoint ranges of its blocks; the rest are holes.
  void place_file(std::span<const BlockRange> parts);
  [[nodiscard]] const std::vector<PlacedFile>& placed() const;
  /// `holes` are sorted and disjoint ranges of the blocks of placed()[file].
  void finish_file(std::size_t file, std::span<const BlockRange> holes);

  /// `uuid` is for a new file system and ignored otherwise.
  void commit(std::span<const std::uint8_t, 16> uuid);

  /// Numbers of the metadata blocks that differ from the parent's, sorted.
  [[nodiscard]] std::vector<std::uint64_t> changed_blocks() const;
  [[nodiscard]] std::span<const std::byte, kBlockSize> block(std::uint64_t number) const;
  /// What was freed and is no metadata now: zeros, wherever no file's data went.
  [[nodiscard]] std::vector<BlockRange> freed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::layers::ext4
