#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace blueprint::layers::ext4 {

struct BlockRange {
  std::uint64_t first = 0;
  std::uint64_t blocks = 0;
  bool operator==(const BlockRange&) const = default;
};

/// A set of block numbers, kept as maximal ranges.
class BlockRanges {
 public:
  void add(std::uint64_t first, std::uint64_t blocks);
  void remove(std::uint64_t first, std::uint64_t blocks);
  [[nodiscard]] bool contains(std::uint64_t block) const;
  /// Sorted, disjoint, not adjacent.
  [[nodiscard]] std::vector<BlockRange> ranges() const;

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  ///< first block → block after the last
};

}  // namespace blueprint::layers::ext4
