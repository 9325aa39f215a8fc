// Entries form a chain: each says where the next begins, and the last reaches to the checksum. An entry may own more
// bytes than its name needs (that is where a new one goes), and one with inode 0 is not in use.

#include "layers/ext4/directory_block.h"

#include <algorithm>
#include <cstring>

#include "layers/ext4/errors.h"
#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {
namespace {

DiskDirent header_at(const Block& block, std::size_t at) {
  DiskDirent header;
  std::memcpy(&header, block.data() + at, sizeof(header));
  return header;
}

void put_header(Block& block, std::size_t at, const DiskDirent& header) {
  std::memcpy(block.data() + at, &header, sizeof(header));
}

std::string_view name_at(const Block& block, std::size_t at, const DiskDirent& header) {
  return {reinterpret_cast<const char*>(block.data()) + at + sizeof(header), header.name_size};
}

void put_entry(Block& block, std::size_t at, std::size_t record_size, const DirectoryEntry& entry) {
  put_header(
      block, at,
      {entry.inode, static_cast<std::uint16_t>(record_size), static_cast<std::uint8_t>(entry.name.size()), entry.type});
  std::memcpy(block.data() + at + sizeof(DiskDirent), entry.name.data(), entry.name.size());
}

/// Calls visit(offset, header, offset of the one before) for each link of the chain, used or not, until it returns
/// false.
template <typename Visit>
void walk(const Block& block, Visit&& visit) {
  std::size_t before = 0;
  for (std::size_t at = 0; at < kEntryBytes;) {
    const DiskDirent header = header_at(block, at);
    if (header.record_size < sizeof(DiskDirent) || header.record_size % 4 != 0 ||
        at + header.record_size > kEntryBytes ||
        (header.inode != 0 && sizeof(DiskDirent) + header.name_size > header.record_size)) {
      throw bad_filesystem("a directory is damaged");
    }
    if (!visit(at, header, before)) return;
    before = at;
    at += header.record_size;
  }
}

}  // namespace

void visit_entries(const Block& block, const std::function<bool(const DiskDirent&, std::string_view)>& visit) {
  walk(block, [&](std::size_t at, const DiskDirent& header, std::size_t) {
    return header.inode == 0 || visit(header, name_at(block, at, header));
  });
}

std::optional<DirectoryEntry> find_entry(const Block& block, std::string_view name) {
  std::optional<DirectoryEntry> found;
  walk(block, [&](std::size_t at, const DiskDirent& header, std::size_t) {
    if (header.inode == 0 || name_at(block, at, header) != name) return true;
    found = DirectoryEntry{std::string(name), header.inode, header.file_type};
    return false;
  });
  return found;
}

void fill_block(Block& block, std::span<const DirectoryEntry> entries) {
  block = {};
  std::size_t at = 0;
  for (const DirectoryEntry& entry : entries) {
    const bool last = &entry == &entries.back();
    put_entry(block, at, last ? kEntryBytes - at : entry_size(entry.name), entry);
    at += entry_size(entry.name);
  }
  if (entries.empty()) put_header(block, 0, {0, static_cast<std::uint16_t>(kEntryBytes), 0, 0});
}

bool insert_entry(Block& block, const DirectoryEntry& entry) {
  const std::size_t needed = entry_size(entry.name);
  bool inserted = false;
  walk(block, [&](std::size_t at, DiskDirent header, std::size_t) {
    const std::size_t used = header.inode == 0 ? 0 : entry_size(name_at(block, at, header));
    if (header.record_size < used + needed) return true;
    const std::size_t rest = header.record_size - used;
    if (used > 0) {
      header.record_size = static_cast<std::uint16_t>(used);
      put_header(block, at, header);
    }
    put_entry(block, at + used, rest, entry);
    inserted = true;
    return false;
  });
  return inserted;
}

bool remove_entry(Block& block, std::string_view name) {
  bool removed = false;
  walk(block, [&](std::size_t at, const DiskDirent& header, std::size_t before) {
    if (header.inode == 0 || name_at(block, at, header) != name) return true;
    std::memset(block.data() + at, 0, entry_size(name));
    if (at == 0) {
      put_header(block, 0, {0, header.record_size, 0, 0});
    } else {
      DiskDirent previous = header_at(block, before);
      previous.record_size = static_cast<std::uint16_t>(previous.record_size + header.record_size);
      put_header(block, before, previous);
    }
    removed = true;
    return false;
  });
  return removed;
}

bool replace_entry(Block& block, const DirectoryEntry& entry) {
  bool replaced = false;
  walk(block, [&](std::size_t at, DiskDirent header, std::size_t) {
    if (header.inode == 0 || name_at(block, at, header) != entry.name) return true;
    header.inode = entry.inode;
    header.file_type = entry.type;
    put_header(block, at, header);
    replaced = true;
    return false;
  });
  return replaced;
}

void seal_block(Block& block, std::uint32_t inode_seed) {
  DirentTail tail;
  tail.checksum = crc32c(inode_seed, std::span(block).first(kEntryBytes));
  std::memcpy(block.data() + kEntryBytes, &tail, sizeof(tail));
}

void check_block(const Block& block, std::uint32_t inode_seed) {
  DirentTail tail;
  std::memcpy(&tail, block.data() + kEntryBytes, sizeof(tail));
  if (tail.checksum != crc32c(inode_seed, std::span(block).first(kEntryBytes))) {
    throw bad_filesystem("a directory has a wrong checksum");
  }
}

}  // namespace blueprint::layers::ext4
