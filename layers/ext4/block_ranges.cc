#include "layers/ext4/block_ranges.h"

#include <algorithm>
#include <iterator>

namespace blueprint::layers::ext4 {

void BlockRanges::add(std::uint64_t first, std::uint64_t blocks) {
  if (blocks == 0) return;
  std::uint64_t end = first + blocks;
  auto next = ends_.upper_bound(first);
  if (next != ends_.begin() && std::prev(next)->second >= first) {
    --next;
    first = next->first;
  }
  while (next != ends_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = ends_.erase(next);
  }
  ends_.emplace_hint(next, first, end);
}

void BlockRanges::remove(std::uint64_t first, std::uint64_t blocks) {
  const std::uint64_t end = first + blocks;
  auto next = ends_.upper_bound(first);
  if (next != ends_.begin() && std::prev(next)->second > first) --next;
  while (next != ends_.end() && next->first < end) {
    const auto [range_first, range_end] = *next;
    next = ends_.erase(next);
    if (range_first < first) ends_.emplace(range_first, first);
    if (range_end > end) ends_.emplace(end, range_end);
  }
}

bool BlockRanges::contains(std::uint64_t block) const {
  const auto next = ends_.upper_bound(block);
  return next != ends_.begin() && std::prev(next)->second > block;
}

std::vector<BlockRange> BlockRanges::ranges() const {
  std::vector<BlockRange> result;
  result.reserve(ends_.size());
  for (const auto& [first, end] : ends_) result.push_back({first, end - first});
  return result;
}

}  // namespace blueprint::layers::ext4
