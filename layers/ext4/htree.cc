// How names find their block:
//
//   block 0      HtreeRoot, HtreeEntry × n   → leaves, or → nodes when indirect_levels is 1
//   a node       DiskDirent that owns the whole block (so that it looks empty), HtreeEntry × n   → leaves
//   a leaf       directory entries of one range of hashes
//
// In each list of entries the place of the first one's hash is taken by HtreeLimit: the first has the smallest hash
// anyway. A leaf that overflows is split in the middle of its hashes; a node that overflows likewise; a root that
// overflows gets a level below. Names of one hash may straddle a split, which bit 0 of the second leaf's hash says.
//
// A new directory is built at once, from its names sorted by hash, in time proportional to their number: linking them
// one by one would first fill one block linearly and then split some thousand times.

#include "layers/ext4/htree.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "layers/ext4/errors.h"

namespace blueprint::layers::ext4 {
namespace {

constexpr std::size_t kRootEntriesAt = sizeof(HtreeRoot);
constexpr std::size_t kNodeEntriesAt = sizeof(DiskDirent);
constexpr std::size_t limit_at(std::size_t entries_at) {
  return (kBlockSize - entries_at - sizeof(HtreeTail)) / sizeof(HtreeEntry);
}
constexpr std::size_t kRootLimit = limit_at(kRootEntriesAt);
constexpr std::size_t kNodeLimit = limit_at(kNodeEntriesAt);
constexpr std::size_t kLeafFill = kEntryBytes * 7 / 8;
constexpr std::size_t kNodeFill = kNodeLimit * 7 / 8;
constexpr std::uint32_t kContinued = 1;

struct HashedEntry {
  NameHash hash;
  DirectoryEntry entry;
};

std::uint32_t index_checksum(const Block& block, std::size_t entries_at, std::size_t count, std::uint32_t seed) {
  const HtreeTail tail{};
  return crc32c_of(crc32c(seed, std::span(block).first(entries_at + count * sizeof(HtreeEntry))), tail);
}

/// The list of entries, its limit and the checksum; `entries_at` tells a root from a node.
void put_index(Block& block, std::size_t entries_at, std::span<const HtreeEntry> entries, std::uint32_t seed) {
  const std::size_t limit = limit_at(entries_at);
  std::memset(block.data() + entries_at, 0, block.size() - entries_at);
  std::memcpy(block.data() + entries_at, entries.data(), entries.size_bytes());
  const HtreeLimit head{static_cast<std::uint16_t>(limit), static_cast<std::uint16_t>(entries.size())};
  std::memcpy(block.data() + entries_at, &head, sizeof(head));
  HtreeTail tail;
  tail.checksum = index_checksum(block, entries_at, entries.size(), seed);
  std::memcpy(block.data() + entries_at + limit * sizeof(HtreeEntry), &tail, sizeof(tail));
}

std::vector<HtreeEntry> get_index(const Block& block, std::size_t entries_at, std::uint32_t seed) {
  HtreeLimit head;
  std::memcpy(&head, block.data() + entries_at, sizeof(head));
  const std::size_t limit = limit_at(entries_at);
  if (head.limit != limit || head.count == 0 || head.count > limit) throw bad_filesystem("an htree is damaged");
  HtreeTail tail;
  std::memcpy(&tail, block.data() + entries_at + limit * sizeof(HtreeEntry), sizeof(tail));
  if (tail.checksum != index_checksum(block, entries_at, head.count, seed)) {
    throw bad_filesystem("an htree has a wrong checksum");
  }
  std::vector<HtreeEntry> entries(head.count);
  std::memcpy(entries.data(), block.data() + entries_at, head.count * sizeof(HtreeEntry));
  entries.front().hash = 0;
  return entries;
}

void put_node(Block& block, std::span<const HtreeEntry> entries, std::uint32_t seed) {
  block = {};
  const DiskDirent empty{0, static_cast<std::uint16_t>(kBlockSize), 0, 0};
  std::memcpy(block.data(), &empty, sizeof(empty));
  put_index(block, kNodeEntriesAt, entries, seed);
}

void put_root(Block& block, const HtreeRoot& root, std::span<const HtreeEntry> entries, std::uint32_t seed) {
  block = {};
  std::memcpy(block.data(), &root, sizeof(root));
  put_index(block, kRootEntriesAt, entries, seed);
}

std::vector<HashedEntry> sorted_by_hash(const Filesystem& fs, std::vector<DirectoryEntry> entries,
                                        std::uint8_t hash_version) {
  std::vector<HashedEntry> sorted;
  sorted.reserve(entries.size());
  for (DirectoryEntry& entry : entries) {
    const NameHash hash = fs.hash_name(entry.name, hash_version);
    sorted.push_back({hash, std::move(entry)});
  }
  std::sort(sorted.begin(), sorted.end(), [](const HashedEntry& a, const HashedEntry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.entry.name < b.entry.name;
  });
  return sorted;
}

/// Where entries[begin, …) must be cut so that the leaf is filled to kLeafFill.
std::size_t end_of_leaf(std::span<const HashedEntry> entries, std::size_t begin) {
  std::size_t size = 0;
  std::size_t end = begin;
  while (end < entries.size() && (end == begin || size + entry_size(entries[end].entry.name) <= kLeafFill)) {
    size += entry_size(entries[end++].entry.name);
  }
  return end;
}

/// The hash of the index for a leaf that begins with entries[at].
std::uint32_t index_hash(std::span<const HashedEntry> entries, std::size_t at) {
  if (at == 0) return 0;
  const std::uint32_t hash = entries[at].hash.major;
  return entries[at - 1].hash.major == hash ? hash | kContinued : hash;
}

std::vector<DirectoryEntry> take_entries(std::span<HashedEntry> hashed) {
  std::vector<DirectoryEntry> entries;
  entries.reserve(hashed.size());
  for (HashedEntry& entry : hashed) entries.push_back(std::move(entry.entry));
  return entries;
}

Error directory_full(std::string_view path) { return not_representable(path, "the directory has too many entries"); }

}  // namespace

void Htree::build(const Context& context, std::vector<DirectoryEntry> entries, InodeNumber self, InodeNumber parent) {
  HtreeRoot root;
  root.dot = {self, 12, 1, 2};
  root.dot_dot = {parent, static_cast<std::uint16_t>(kBlockSize - 12), 2, 2};
  root.hash_version = context.fs.default_hash_version();
  std::vector<HashedEntry> sorted = sorted_by_hash(context.fs, std::move(entries), root.hash_version);

  std::vector<std::size_t> begins;  // of the leaves
  for (std::size_t at = 0; at < sorted.size(); at = end_of_leaf(sorted, at)) begins.push_back(at);
  const std::size_t node_count = begins.size() <= kRootLimit ? 0 : (begins.size() + kNodeFill - 1) / kNodeFill;
  if (node_count > kRootLimit) throw directory_full(context.path);

  // Block 0 is the root, then come the nodes, then the leaves.
  const auto first_leaf = static_cast<std::uint32_t>(1 + node_count);
  std::vector<HtreeEntry> index;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    index.push_back({index_hash(sorted, begins[i]), first_leaf + static_cast<std::uint32_t>(i)});
  }
  while (context.blocks.count() < first_leaf + begins.size()) context.blocks.append();
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::size_t end = i + 1 < begins.size() ? begins[i + 1] : sorted.size();
    Block& leaf = context.blocks.modify(index[i].block);
    fill_block(leaf, take_entries(std::span(sorted).subspan(begins[i], end - begins[i])));
    seal_block(leaf, context.inode_seed);
  }
  std::vector<HtreeEntry> top = node_count == 0 ? index : std::vector<HtreeEntry>();
  for (std::uint32_t node = 0; node < node_count; ++node) {
    const auto part =
        std::span(index).subspan(node * kNodeFill).first(std::min(kNodeFill, index.size() - node * kNodeFill));
    put_node(context.blocks.modify(1 + node), part, context.inode_seed);
    top.push_back({part.front().hash, 1 + node});
  }
  root.indirect_levels = node_count == 0 ? 0 : 1;
  put_root(context.blocks.modify(0), root, top, context.inode_seed);
}

Htree::Htree(const Context& context) : context_(context) {
  const Block& block = context_.blocks.read(0);
  HtreeRoot root;
  std::memcpy(&root, block.data(), sizeof(root));
  if (root.info_size != 8 || root.indirect_levels > 1) throw bad_filesystem("an htree is of an unknown kind");
  hash_version_ = root.hash_version;
  two_levels_ = root.indirect_levels == 1;
  const std::vector<HtreeEntry> top = get_index(block, kRootEntriesAt, context_.inode_seed);
  if (!two_levels_) {
    nodes_.push_back({0, top, false});
    return;
  }
  for (const HtreeEntry& entry : top) {
    if (entry.block >= context_.blocks.count()) throw bad_filesystem("an htree is damaged");
    Node node{entry.block, get_index(context_.blocks.read(entry.block), kNodeEntriesAt, context_.inode_seed), false};
    node.entries.front().hash = entry.hash;
    nodes_.push_back(std::move(node));
  }
}

Htree::Place Htree::place_of(std::uint32_t hash) const {
  const auto node = std::upper_bound(nodes_.begin() + 1, nodes_.end(), hash,
                                     [](std::uint32_t value, const Node& candidate) {
                                       return value < candidate.entries.front().hash;
                                     }) -
                    1;
  const auto entry =
      std::upper_bound(node->entries.begin() + 1, node->entries.end(), hash,
                       [](std::uint32_t value, const HtreeEntry& candidate) { return value < candidate.hash; }) -
      1;
  return {static_cast<std::size_t>(node - nodes_.begin()), static_cast<std::size_t>(entry - node->entries.begin())};
}

bool Htree::next(Place& place, std::uint32_t hash) const {
  Place after = place;
  if (++after.entry == nodes_[after.node].entries.size()) after = {after.node + 1, 0};
  if (after.node == nodes_.size()) return false;
  if (nodes_[after.node].entries[after.entry].hash != (hash | kContinued)) return false;
  place = after;
  return true;
}

void Htree::read_leaf_checked(std::uint32_t leaf) const {
  if (leaf == 0 || leaf >= context_.blocks.count()) throw bad_filesystem("an htree is damaged");
  check_block(context_.blocks.read(leaf), context_.inode_seed);
}

template <typename Try>
bool Htree::try_leaves(std::string_view name, Try&& try_leaf) const {
  const std::uint32_t hash = context_.fs.hash_name(name, hash_version_).major;
  // Hashes of the index are even or continued, so the first leaf that may have the name is the one of `hash` itself.
  Place place = place_of(hash);
  do {
    read_leaf_checked(leaf_at(place));
    if (try_leaf(leaf_at(place))) return true;
  } while (next(place, hash));
  return false;
}

std::optional<DirectoryEntry> Htree::find(std::string_view name) const {
  std::optional<DirectoryEntry> found;
  try_leaves(name, [&](std::uint32_t leaf) {
    found = find_entry(context_.blocks.read(leaf), name);
    return found.has_value();
  });
  return found;
}

bool Htree::remove(std::string_view name) {
  return try_leaves(name, [&](std::uint32_t leaf) {
    if (!find_entry(context_.blocks.read(leaf), name)) return false;
    Block& block = context_.blocks.modify(leaf);
    if (!remove_entry(block, name)) throw bug("an entry went away");
    seal_block(block, context_.inode_seed);
    return true;
  });
}

bool Htree::replace(const DirectoryEntry& entry) {
  return try_leaves(entry.name, [&](std::uint32_t leaf) {
    if (!find_entry(context_.blocks.read(leaf), entry.name)) return false;
    Block& block = context_.blocks.modify(leaf);
    if (!replace_entry(block, entry)) throw bug("an entry went away");
    seal_block(block, context_.inode_seed);
    return true;
  });
}

void Htree::insert(const DirectoryEntry& entry) {
  const std::uint32_t hash = context_.fs.hash_name(entry.name, hash_version_).major;
  // At most two splits: the second when the half with the name is still too full for a long one.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const Place place = place_of(hash);
    const std::uint32_t leaf = leaf_at(place);
    read_leaf_checked(leaf);
    Block& block = context_.blocks.modify(leaf);
    if (insert_entry(block, entry)) {
      seal_block(block, context_.inode_seed);
      return;
    }
    split_leaf(place);
  }
  throw directory_full(context_.path);
}

void Htree::split_leaf(const Place& full) {
  const std::uint32_t leaf = leaf_at(full);
  std::vector<DirectoryEntry> entries;
  std::size_t size = 0;
  visit_entries(context_.blocks.read(leaf), [&](const DiskDirent& header, std::string_view name) {
    entries.push_back({std::string(name), header.inode, header.file_type});
    size += entry_size(name);
    return true;
  });
  std::vector<HashedEntry> sorted = sorted_by_hash(context_.fs, std::move(entries), hash_version_);
  if (sorted.size() < 2) throw directory_full(context_.path);

  // The middle by size, moved to where the hash changes if it does.
  std::size_t middle = 0;
  for (std::size_t sum = 0; sum < size / 2; ++middle) sum += entry_size(sorted[middle].entry.name);
  middle = std::clamp<std::size_t>(middle, 1, sorted.size() - 1);
  const auto same = [&](std::size_t at) { return sorted[at - 1].hash.major == sorted[at].hash.major; };
  std::size_t cut = middle;
  while (cut < sorted.size() && same(cut)) ++cut;
  if (cut == sorted.size()) {
    for (cut = middle; cut > 0 && same(cut);) --cut;
    if (cut == 0) cut = middle;
  }
  const std::uint32_t hash = index_hash(sorted, cut);

  make_room(full.node);
  const Place at = find_leaf(leaf);  // make_room may have moved it to another node
  const std::uint32_t added = context_.blocks.append();
  Block& upper = context_.blocks.modify(added);
  fill_block(upper, take_entries(std::span(sorted).subspan(cut)));
  seal_block(upper, context_.inode_seed);
  Block& lower = context_.blocks.modify(leaf);
  fill_block(lower, take_entries(std::span(sorted).first(cut)));
  seal_block(lower, context_.inode_seed);

  Node& node = nodes_[at.node];
  node.entries.insert(node.entries.begin() + static_cast<std::ptrdiff_t>(at.entry) + 1, {hash, added});
  node.changed = true;
}

void Htree::make_room(std::size_t number) {
  const std::size_t limit = two_levels_ ? kNodeLimit : kRootLimit;
  if (nodes_[number].entries.size() < limit) return;
  if (two_levels_ && nodes_.size() == kRootLimit) throw directory_full(context_.path);
  if (!two_levels_) {  // the root's entries move into a node below it
    nodes_[number].number = context_.blocks.append();
    two_levels_ = true;
  }
  auto& entries = nodes_[number].entries;
  const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
  Node upper{context_.blocks.append(), {middle, entries.end()}, true};
  entries.erase(middle, entries.end());
  nodes_[number].changed = true;
  nodes_.insert(nodes_.begin() + static_cast<std::ptrdiff_t>(number) + 1, std::move(upper));
  root_changed_ = true;
}

Htree::Place Htree::find_leaf(std::uint32_t leaf) const {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const auto& entries = nodes_[node].entries;
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const HtreeEntry& entry) { return entry.block == leaf; });
    if (found != entries.end()) return {node, static_cast<std::size_t>(found - entries.begin())};
  }
  throw bug("a leaf that its htree does not know");
}

std::vector<std::uint32_t> Htree::leaves() const {
  std::vector<std::uint32_t> result;
  for (const Node& node : nodes_) {
    for (const HtreeEntry& entry : node.entries) result.push_back(entry.block);
  }
  return result;
}

void Htree::commit() {
  if (!two_levels_) {
    if (nodes_.front().changed)
      put_index(context_.blocks.modify(0), kRootEntriesAt, nodes_.front().entries, context_.inode_seed);
    return;
  }
  for (Node& node : nodes_) {
    if (node.changed) put_node(context_.blocks.modify(node.number), node.entries, context_.inode_seed);
  }
  if (!root_changed_) return;
  std::vector<HtreeEntry> top;
  for (const Node& node : nodes_) top.push_back({node.entries.front().hash, node.number});
  Block& block = context_.blocks.modify(0);
  HtreeRoot root;
  std::memcpy(&root, block.data(), sizeof(root));
  root.indirect_levels = 1;
  put_root(block, root, top, context_.inode_seed);
}

}  // namespace blueprint::layers::ext4
