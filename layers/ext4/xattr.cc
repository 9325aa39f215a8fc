// Both places hold the same thing: entries from the front, values from the back, 4 zero bytes between them.
//
//   in the inode:  magic, entries …, 4 zeros, … values       value offsets count from the first entry
//   in a block:    XattrBlockHeader, entries …, … values     value offsets count from the block; entries are sorted,
//   because
//                                                            the kernel stops looking at the first larger one
//
// A name is stored as the number of its namespace and the rest. An ACL is stored in a form of its own, which is not
// what getxattr(2) shows: a short entry (tag, permissions) for those that name nobody, and version 1 instead of 2.

#include "layers/ext4/xattr.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/text.h"
#include "layers/ext4/errors.h"
#include "layers/ext4/inode.h"

namespace blueprint::layers::ext4 {
namespace {

struct StoredXattr {
  std::uint8_t index = 0;
  std::string name;
  std::string value;

  [[nodiscard]] std::size_t entry_size() const { return sizeof(XattrEntry) + (name.size() + 3) / 4 * 4; }
  [[nodiscard]] std::size_t value_size() const { return (value.size() + 3) / 4 * 4; }
};

struct Namespace {
  std::string_view prefix;
  std::uint8_t index;
  enum class Match { Prefix, Whole } match;
};
constexpr std::array kNamespaces = {
    Namespace{"user.", 1, Namespace::Match::Prefix},
    Namespace{"system.posix_acl_access", 2, Namespace::Match::Whole},
    Namespace{"system.posix_acl_default", 3, Namespace::Match::Whole},
    Namespace{"trusted.", 4, Namespace::Match::Prefix},
    Namespace{"security.", 6, Namespace::Match::Prefix},
    Namespace{"system.", 7, Namespace::Match::Prefix},
};

StoredXattr to_stored(const Xattr& xattr, std::string_view path) {
  for (const Namespace& space : kNamespaces) {
    if (space.match == Namespace::Match::Whole ? xattr.name != space.prefix : !xattr.name.starts_with(space.prefix)) {
      continue;
    }
    const bool is_acl = space.match == Namespace::Match::Whole;
    StoredXattr stored{space.index, xattr.name.substr(space.prefix.size()),
                       is_acl ? acl_to_disk(xattr.value, path) : xattr.value};
    if (stored.name.size() > 255) break;
    return stored;
  }
  throw not_representable(path,
                          fmt::format("it has no place for an extended attribute named '{}'", printable(xattr.name)));
}

/// By namespace, length of the name, name: the order that the kernel searches a block in.
bool comes_before(const StoredXattr& a, const StoredXattr& b) {
  if (a.index != b.index) return a.index < b.index;
  if (a.name.size() != b.name.size()) return a.name.size() < b.name.size();
  return a.name < b.name;
}

std::uint32_t hash_of(const StoredXattr& xattr) {
  std::uint32_t hash = 0;
  for (const char c : xattr.name) hash = (hash << 5) ^ (hash >> 27) ^ static_cast<unsigned char>(c);
  for (std::size_t at = 0; at < xattr.value.size(); at += 4) {
    std::uint32_t word = 0;  // the padding of the last one is zeros
    std::memcpy(&word, xattr.value.data() + at, std::min<std::size_t>(4, xattr.value.size() - at));
    hash = (hash << 16) ^ (hash >> 16) ^ word;
  }
  return hash;
}

/// Puts entries at `entries_at` of `area` and values at its end; value offsets count from `offsets_from`.
/// The caller made sure that they fit.
void put(std::span<std::byte> area, std::size_t entries_at, std::size_t offsets_from,
         std::span<const StoredXattr> xattrs) {
  std::size_t value_at = area.size();
  for (const StoredXattr& xattr : xattrs) {
    value_at -= xattr.value_size();
    XattrEntry entry;
    entry.name_size = static_cast<std::uint8_t>(xattr.name.size());
    entry.name_index = xattr.index;
    entry.value_offset = static_cast<std::uint16_t>(xattr.value.empty() ? 0 : value_at - offsets_from);
    entry.value_size = static_cast<std::uint32_t>(xattr.value.size());
    entry.hash = hash_of(xattr);
    std::memcpy(area.data() + entries_at, &entry, sizeof(entry));
    std::memcpy(area.data() + entries_at + sizeof(entry), xattr.name.data(), xattr.name.size());
    std::memcpy(area.data() + value_at, xattr.value.data(), xattr.value.size());
    entries_at += xattr.entry_size();
  }
}

void set_block_checksum(const Filesystem& fs, BlockNumber number, Block& block) {
  XattrBlockHeader header;
  std::memcpy(&header, block.data(), sizeof(header));
  header.checksum = 0;
  std::memcpy(block.data(), &header, sizeof(header));
  header.checksum = crc32c(crc32c_of(fs.checksum_seed(), number), block);
  std::memcpy(block.data(), &header, sizeof(header));
}

void put_block(Filesystem& fs, BlockNumber number, std::span<const StoredXattr> xattrs) {
  Block& block = fs.overlay().fresh(number);
  put(block, sizeof(XattrBlockHeader), 0, xattrs);
  XattrBlockHeader header;
  for (const StoredXattr& xattr : xattrs) header.hash = (header.hash << 16) ^ (header.hash >> 16) ^ hash_of(xattr);
  std::memcpy(block.data(), &header, sizeof(header));
  set_block_checksum(fs, number, block);
}

}  // namespace

std::string acl_to_disk(std::string_view value, std::string_view path) {
  constexpr std::uint32_t kGetxattrVersion = 2;
  constexpr std::uint32_t kDiskVersion = 1;
  constexpr std::uint16_t kNamedUser = 0x02;
  constexpr std::uint16_t kNamedGroup = 0x08;
  ByteReader reader(std::as_bytes(std::span(value.data(), value.size())));
  ByteWriter writer;
  const bool version_known = reader.u32() == kGetxattrVersion;
  writer.u32(kDiskVersion);
  while (reader.ok() && reader.left() > 0) {
    const std::uint32_t tag_and_permissions = reader.u32();
    const std::uint32_t id = reader.u32();
    writer.u32(tag_and_permissions);
    const auto tag = static_cast<std::uint16_t>(tag_and_permissions);
    if (tag == kNamedUser || tag == kNamedGroup) writer.u32(id);
  }
  if (!reader.ok() || !version_known) throw not_representable(path, "its POSIX ACL is not in the form of getxattr(2)");
  return std::string(reinterpret_cast<const char*>(writer.bytes().data()), writer.bytes().size());
}

void drop_xattrs(Filesystem& fs, DiskInode& inode) {
  inode.xattrs = {};
  const BlockNumber number = xattr_block_of(inode);
  if (number == 0) return;
  XattrBlockHeader header;
  std::memcpy(&header, fs.overlay().read(number).data(), sizeof(header));
  if (header.magic != kXattrMagic || header.references == 0)
    throw bad_filesystem("a block of extended attributes is damaged");
  if (header.references == 1) {
    fs.free_blocks({number, 1});
  } else {  // the kernel lets inodes share a block; the others keep it
    --header.references;
    Block& block = fs.overlay().modify(number);
    std::memcpy(block.data(), &header, sizeof(header));
    set_block_checksum(fs, number, block);
  }
  set_xattr_block(inode, 0);
  set_block_count(inode, block_count_of(inode) - 1);
}

void set_xattrs(Filesystem& fs, InodeNumber, DiskInode& inode, std::span<const Xattr> xattrs, std::string_view path) {
  drop_xattrs(fs, inode);
  inode.extra_size = kExtraInodeSize;
  if (xattrs.empty()) return;
  std::vector<StoredXattr> all;
  for (const Xattr& xattr : xattrs) all.push_back(to_stored(xattr, path));
  std::sort(all.begin(), all.end(), comes_before);

  // Each goes into the inode if it still fits there.
  constexpr std::size_t kEnd = sizeof(std::uint32_t);  // the zeros behind the last entry
  std::vector<StoredXattr> in_inode;
  std::vector<StoredXattr> in_block;
  std::size_t inode_left = inode.xattrs.size() - sizeof(kXattrMagic) - kEnd;
  std::size_t block_left = kBlockSize - sizeof(XattrBlockHeader) - kEnd;
  for (StoredXattr& xattr : all) {
    const std::size_t size = xattr.entry_size() + xattr.value_size();
    if (size <= inode_left) {
      inode_left -= size;
      in_inode.push_back(std::move(xattr));
    } else if (size <= block_left) {
      block_left -= size;
      in_block.push_back(std::move(xattr));
    } else {
      throw not_representable(path, "its extended attributes do not fit into one block");
    }
  }
  if (!in_inode.empty()) {
    std::memcpy(inode.xattrs.data(), &kXattrMagic, sizeof(kXattrMagic));
    put(inode.xattrs, sizeof(kXattrMagic), sizeof(kXattrMagic), in_inode);
  }
  if (!in_block.empty()) {
    const BlockNumber number = fs.allocate_block(path);
    put_block(fs, number, in_block);
    set_xattr_block(inode, number);
    set_block_count(inode, block_count_of(inode) + 1);
  }
}

}  // namespace blueprint::layers::ext4
