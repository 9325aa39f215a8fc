#pragma once

// One block of directory entries.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/ext4/disk_format.h"

namespace blueprint::layers::ext4 {

struct DirectoryEntry {
  std::string name;
  InodeNumber inode = 0;
  std::uint8_t type = 0;  ///< as dirent_type() gives it
  bool operator==(const DirectoryEntry&) const = default;
};

/// Bytes of a block that entries may fill: all but the checksum.
inline constexpr std::size_t kEntryBytes = kBlockSize - sizeof(DirentTail);

/// What an entry of this name takes at least.
[[nodiscard]] constexpr std::size_t entry_size(std::string_view name) {
  return (sizeof(DiskDirent) + name.size() + 3) / 4 * 4;
}

/// Calls `visit` for each entry in use, "." and ".." too, until it returns false. Throws Error L020 for a block that is
/// damaged.
void visit_entries(const Block& block, const std::function<bool(const DiskDirent&, std::string_view name)>& visit);

[[nodiscard]] std::optional<DirectoryEntry> find_entry(const Block& block, std::string_view name);

/// Fills an empty block with `entries`, which fit: the sum of their entry_size() is at most kEntryBytes.
void fill_block(Block& block, std::span<const DirectoryEntry> entries);

/// Puts an entry where there is room. False, and nothing changed, when there is none.
[[nodiscard]] bool insert_entry(Block& block, const DirectoryEntry& entry);
/// False when there is no entry of that name. Its bytes are overwritten with zeros.
[[nodiscard]] bool remove_entry(Block& block, std::string_view name);
/// Gives the entry of that name another inode and type; false when there is none.
[[nodiscard]] bool replace_entry(Block& block, const DirectoryEntry& entry);

/// Sets the checksum at the end of the block.
void seal_block(Block& block, std::uint32_t inode_seed);
/// Throws Error L020 when it is wrong.
void check_block(const Block& block, std::uint32_t inode_seed);

}  // namespace blueprint::layers::ext4
