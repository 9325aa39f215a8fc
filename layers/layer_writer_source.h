#pragma once

// Reading the data of the files that a layer puts, and where it is zeros.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "layers/changeset.h"
#include "layers/ext4/block_ranges.h"

namespace blueprint::layers {

[[nodiscard]] constexpr std::uint64_t blocks_of(std::uint64_t bytes) { return (bytes + kBlockSize - 1) / kBlockSize; }

/// A run of zeros of at least so many blocks, within one piece of kMaxFrameSize of a file, is a hole in the image
/// whether or not it is one on the host: so an image does not depend on what the host's file system makes of holes.
/// Shorter ones would cost more in extents than they save.
inline constexpr std::uint32_t kMinHoleBlocks = 8;

/// The bytes of one source, by ranges. Thread-safe.
class SourceReader {
 public:
  /// `planned` must outlive this. Throws os_error; Error L030 when a host file has not the size that was planned, L032
  /// when there is no data at all.
  explicit SourceReader(const PlannedChange& planned);

  void read(std::uint64_t offset, std::span<std::byte> out) const;
  /// Whether the host knows without reading that [offset, offset + size) is zeros, and they are enough for a hole.
  [[nodiscard]] bool is_hole(std::uint64_t offset, std::uint64_t size) const;

 private:
  void check_unchanged();

  const Change& change_;
  const std::string* memory_ = nullptr;
  const std::string* path_ = nullptr;
  UniqueFd file_;
  bool sparse_ = false;
};

struct DataRun {
  std::uint32_t first = 0;
  std::uint32_t blocks = 0;
  bool hole = false;
};

/// Cuts a piece of a file, in whole blocks, into data and holes.
[[nodiscard]] std::vector<DataRun> find_holes(std::span<const std::byte> bytes);

/// The blocks of a large file that are no holes; reads what the host does not know to be a hole.
[[nodiscard]] std::vector<ext4::BlockRange> find_data(const PlannedChange& planned);

}  // namespace blueprint::layers
