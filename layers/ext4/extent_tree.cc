// An extent tree is a B-tree whose root is the 60 bytes of i_block: a header and four entries. A run of up to 32768
// blocks is one 12-byte entry of a leaf; an inner entry is the first logical block below it and the number of a block,
// which is a header, 340 entries, and a checksum in the last 4 bytes.
//
// We know all runs of a file before we write its tree, so it is built from the leaves upwards, full nodes first, and
// never balanced. (ext2fs_extent_insert would walk from the root for each entry.)

#include "layers/ext4/extent_tree.h"

#include <algorithm>
#include <cstring>

#include "layers/ext4/errors.h"
#include "layers/ext4/inode.h"

namespace blueprint::layers::ext4 {
namespace {

constexpr std::size_t kEntrySize = 12;
constexpr std::size_t kRootEntries = 4;
constexpr std::size_t kNodeEntries = (kBlockSize - sizeof(ExtentHeader) - sizeof(std::uint32_t)) / kEntrySize;
constexpr std::size_t kNodeChecksumOffset = sizeof(ExtentHeader) + kNodeEntries * kEntrySize;
constexpr std::uint16_t kMaxDepth = 5;

using Entry = std::array<std::byte, kEntrySize>;

std::vector<Entry> leaf_entries(std::span<const FileRun> runs) {
  std::vector<Entry> entries;
  for (FileRun run : runs) {
    while (run.blocks > 0) {
      const std::uint64_t part = std::min<std::uint64_t>(run.blocks, kMaxExtentBlocks);
      ExtentLeaf leaf;
      leaf.logical = static_cast<std::uint32_t>(run.logical);
      leaf.length = static_cast<std::uint16_t>(part);
      leaf.physical_low = static_cast<std::uint32_t>(run.physical);
      leaf.physical_high = static_cast<std::uint16_t>(run.physical >> 32);
      entries.push_back(std::bit_cast<Entry>(leaf));
      run.logical += part;
      run.physical += part;
      run.blocks -= part;
    }
  }
  return entries;
}

/// A header and entries at the beginning of `out`.
void put_node(std::span<std::byte> out, std::span<const Entry> entries, std::size_t max, std::uint16_t depth) {
  ExtentHeader header;
  header.entries = static_cast<std::uint16_t>(entries.size());
  header.max = static_cast<std::uint16_t>(max);
  header.depth = depth;
  std::memcpy(out.data(), &header, sizeof(header));
  if (!entries.empty()) std::memcpy(out.data() + sizeof(header), entries.data(), entries.size_bytes());
}

/// Writes one level of nodes; returns the entries of the level above.
std::vector<Entry> write_level(Filesystem& fs, std::span<const Entry> entries, std::uint16_t depth, std::uint32_t seed,
                               std::uint64_t& nodes, std::string_view path) {
  std::vector<Entry> parents;
  while (!entries.empty()) {
    const auto part = entries.first(std::min(entries.size(), kNodeEntries));
    entries = entries.subspan(part.size());
    const BlockNumber number = fs.allocate_block(path);
    Block& block = fs.overlay().fresh(number);
    put_node(block, part, kNodeEntries, depth);
    const std::uint32_t checksum = crc32c(seed, std::span(block).first(kNodeChecksumOffset));
    std::memcpy(block.data() + kNodeChecksumOffset, &checksum, sizeof(checksum));
    ++nodes;

    ExtentNode parent;
    std::memcpy(&parent.logical, part.front().data(), sizeof(parent.logical));  // both kinds of entry begin with it
    parent.child_low = static_cast<std::uint32_t>(number);
    parent.child_high = static_cast<std::uint16_t>(number >> 32);
    parents.push_back(std::bit_cast<Entry>(parent));
  }
  return parents;
}

class Reader {
 public:
  Reader(const Filesystem& fs, std::uint32_t seed, ExtentTree& tree) : fs_(fs), seed_(seed), tree_(tree) {}

  void read(std::span<const std::byte> node, int expected_depth) {
    ExtentHeader header;
    std::memcpy(&header, node.data(), sizeof(header));
    if (header.magic != ExtentHeader::kMagic || header.depth > kMaxDepth ||
        (expected_depth >= 0 && header.depth != expected_depth) ||
        sizeof(header) + header.entries * kEntrySize > node.size()) {
      throw bad_filesystem("an extent tree is damaged");
    }
    for (std::size_t i = 0; i < header.entries; ++i) {
      const auto entry = node.subspan(sizeof(header) + i * kEntrySize, kEntrySize);
      if (header.depth == 0) {
        add_leaf(entry);
      } else {
        descend(entry, header.depth - 1);
      }
    }
  }

 private:
  void add_leaf(std::span<const std::byte> entry) {
    ExtentLeaf leaf;
    std::memcpy(&leaf, entry.data(), sizeof(leaf));
    const std::uint32_t blocks = leaf.length > kMaxExtentBlocks ? leaf.length - kMaxExtentBlocks : leaf.length;
    const BlockNumber physical = leaf.physical_low | BlockNumber{leaf.physical_high} << 32;
    if (physical + blocks > fs_.overlay().block_count()) throw bad_filesystem("an extent is out of range");
    tree_.runs.push_back({leaf.logical, physical, blocks});
  }

  void descend(std::span<const std::byte> entry, int depth) {
    ExtentNode child;
    std::memcpy(&child, entry.data(), sizeof(child));
    const BlockNumber number = child.child_low | BlockNumber{child.child_high} << 32;
    if (number >= fs_.overlay().block_count()) throw bad_filesystem("an extent tree is damaged");
    const Block block = fs_.overlay().read(number);  // a copy: the recursion reads others
    std::uint32_t checksum = 0;
    std::memcpy(&checksum, block.data() + kNodeChecksumOffset, sizeof(checksum));
    if (checksum != crc32c(seed_, std::span(block).first(kNodeChecksumOffset))) {
      throw bad_filesystem("an extent tree has a wrong checksum");
    }
    tree_.nodes.push_back(number);
    read(std::span(block).first(kNodeChecksumOffset), depth);
  }

  const Filesystem& fs_;
  std::uint32_t seed_;
  ExtentTree& tree_;
};

}  // namespace

ExtentTree read_extents(const Filesystem& fs, InodeNumber number, const DiskInode& inode) {
  ExtentTree tree;
  if ((inode.flags & kInlineDataFlag) != 0) throw bad_filesystem("it has inline data");
  if ((inode.flags & kExtentsFlag) == 0) {
    const bool has_blocks = is_regular(inode) || is_directory(inode) ||
                            ((inode.mode & kTypeMask) == kSymlink && size_of(inode) >= kFastSymlinkSize);
    if (has_blocks && size_of(inode) > 0) throw bad_filesystem("a file is mapped without extents");
    return tree;
  }
  Reader(fs, fs.inode_seed(number, inode.generation), tree).read(inode.block, -1);
  return tree;
}

std::uint64_t write_extents(Filesystem& fs, InodeNumber number, DiskInode& inode, std::span<const FileRun> runs,
                            std::string_view path) {
  std::vector<Entry> entries = leaf_entries(runs);
  std::uint16_t depth = 0;
  std::uint64_t nodes = 0;
  const std::uint32_t seed = fs.inode_seed(number, inode.generation);
  while (entries.size() > kRootEntries) entries = write_level(fs, entries, depth++, seed, nodes, path);
  inode.flags |= kExtentsFlag;
  inode.block = {};
  put_node(inode.block, entries, kRootEntries, depth);
  return nodes;
}

}  // namespace blueprint::layers::ext4
