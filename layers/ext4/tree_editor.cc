#include "layers/ext4/tree_editor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "layers/ext4/errors.h"
#include "layers/ext4/inode.h"
#include "layers/ext4/xattr.h"

namespace blueprint::layers::ext4 {
namespace {

constexpr std::size_t kMaxSymlink = 4095;
constexpr std::size_t kMaxDepthBytes = 64 * 1024;  // of a path; no tree that was made through path names is that deep
constexpr std::uint64_t kMaxFileBytes = (1ULL << 32) * kBlockSize;  // logical block numbers have 32 bits

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Is `path` the directory `directory` or below it?
bool is_within(std::string_view path, std::string_view directory) {
  if (directory.empty()) return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool is_directory_entry(const DirectoryEntry& entry) { return entry.type == dirent_type(FileType::Directory); }

}  // namespace

TreeEditor::TreeEditor(Filesystem& fs) : fs_(fs) {}

std::vector<PendingFile> TreeEditor::apply(const std::vector<PlannedChange>& changes) {
  for (const PlannedChange& planned : changes) {
    if (!planned.change.link_to.empty()) link_targets_.emplace(planned.change.link_to, 0);
  }
  open_.push_back(Directory::open(fs_, kRootInode, ""));
  for (std::size_t i = 0; i < changes.size(); ++i) apply_one(changes[i].change, i);
  leave_to(0);
  return std::move(pending_);
}

void TreeEditor::apply_one(const Change& change, std::size_t number) {
  if (change.path.empty()) return apply_to_root(change);
  enter(change);
  Directory& parent = open_.back();
  const std::string_view name = last_component(change.path);
  switch (change.kind) {
    case ChangeKind::Put: return put(parent, change, number, name);
    case ChangeKind::Metadata: return change_metadata(parent, change, name);
    case ChangeKind::Remove:
      if (change.path == "lost+found") return;  // e2fsck wants it
      if (const auto entry = parent.find(name)) remove(parent, *entry);
      return;
  }
}

void TreeEditor::apply_to_root(const Change& change) {
  if (change.kind == ChangeKind::Remove || change.type != FileType::Directory) {
    throw change_does_not_fit(change.path, "the root is a directory and stays one");
  }
  set_directory_metadata(open_.front(), change);
}

// Makes the directory that holds change.path the last of open_.
void TreeEditor::enter(const Change& change) {
  const std::string_view parent = parent_path(change.path);
  std::size_t depth = open_.size();
  while (!is_within(parent, open_[depth - 1].path())) --depth;
  leave_to(depth);
  while (open_.back().path().size() < parent.size()) {
    const std::string& here = open_.back().path();
    const std::size_t begin = here.empty() ? 0 : here.size() + 1;
    const std::size_t end = std::min(parent.find('/', begin), parent.size());
    const auto entry = open_.back().find(parent.substr(begin, end - begin));
    const auto place = parent.substr(0, end);
    if (!entry) throw change_does_not_fit(change.path, fmt::format("there is no directory /{}", printable(place)));
    if (!is_directory_entry(*entry))
      throw change_does_not_fit(change.path, fmt::format("/{} is no directory", printable(place)));
    open_.push_back(Directory::open(fs_, entry->inode, std::string(place)));
  }
}

void TreeEditor::leave_to(std::size_t depth) {
  while (open_.size() > depth) {
    open_.back().commit();
    open_.pop_back();
  }
}

void TreeEditor::set_directory_metadata(Directory& directory, const Change& change) {
  DiskInode& inode = directory.change_inode();
  set_metadata(inode, change.metadata);
  set_xattrs(fs_, directory.number(), inode, change.metadata.xattrs, change.path);
}

void TreeEditor::change_metadata(Directory& parent, const Change& change, std::string_view name) {
  const auto entry = parent.find(name);
  if (!entry) throw change_does_not_fit(change.path, "it is not in the parent");
  if (entry->type != dirent_type(change.type))
    throw change_does_not_fit(change.path, "it is of another type in the parent");
  if (change.type == FileType::Directory) {
    open_.push_back(Directory::open(fs_, entry->inode, change.path));
    set_directory_metadata(open_.back(), change);
    return;
  }
  DiskInode inode = fs_.read_inode(entry->inode);
  set_metadata(inode, change.metadata);
  set_xattrs(fs_, entry->inode, inode, change.metadata.xattrs, change.path);
  fs_.write_inode(entry->inode, inode);
}

void TreeEditor::put(Directory& parent, const Change& change, std::size_t number, std::string_view name) {
  if (!change.link_to.empty()) return put_link(parent, change, name);
  if (change.type == FileType::Directory) return put_directory(parent, change, name);
  put_file(parent, change, number, name);
}

void TreeEditor::put_link(Directory& parent, const Change& change, std::string_view name) {
  const InodeNumber target = resolve(change);
  auto existing = parent.find(name);
  if (existing && existing->inode == target) return;
  DiskInode inode = fs_.read_inode(target);
  if (is_directory(inode)) throw change_does_not_fit(change.path, "a hard link to a directory");
  if (inode.links >= kMaxLinks) throw not_representable(change.path, "its file has too many names");
  ++inode.links;
  fs_.write_inode(target, inode);
  if (existing) remove(parent, *existing);
  parent.insert({std::string(name), target, dirent_type(change.type)});
}

InodeNumber TreeEditor::resolve(const Change& link) {
  if (const auto known = link_targets_.find(link.link_to); known != link_targets_.end() && known->second != 0)
    return known->second;
  // A name that the parent has: walk to it, through the open directories where they are on the way.
  const std::string_view target = link.link_to;
  std::size_t depth = open_.size();
  while (!is_within(target, open_[depth - 1].path()) || open_[depth - 1].path() == target) --depth;
  const std::string& start = open_[depth - 1].path();
  std::size_t begin = start.empty() ? 0 : start.size() + 1;
  auto entry = std::optional<DirectoryEntry>();
  while (true) {
    const std::size_t end = std::min(target.find('/', begin), target.size());
    const std::string_view name = target.substr(begin, end - begin);
    entry = entry ? Directory::open(fs_, entry->inode, std::string(target.substr(0, begin - 1))).find(name)
                  : open_[depth - 1].find(name);
    if (!entry || (end < target.size() && !is_directory_entry(*entry))) {
      throw change_does_not_fit(link.path,
                                fmt::format("it is a hard link to /{}, which is not there", printable(target)));
    }
    if (end == target.size()) return entry->inode;
    begin = end + 1;
  }
}

void TreeEditor::put_directory(Directory& parent, const Change& change, std::string_view name) {
  const auto existing = parent.find(name);
  if (existing && is_directory_entry(*existing)) {
    open_.push_back(Directory::open(fs_, existing->inode, change.path));
  } else {
    if (existing) remove(parent, *existing);
    const InodeNumber number = fs_.allocate_inode(parent.number(), Filesystem::InodeUse::Directory, change.path);
    parent.insert({std::string(name), number, dirent_type(FileType::Directory)});
    parent.add_subdirectory();
    open_.push_back(Directory::make(fs_, number, parent.number(), change.path));
  }
  set_directory_metadata(open_.back(), change);
}

// A file that is replaced keeps its inode number when no other name has it: then its directory does not change at all.
void TreeEditor::put_file(Directory& parent, const Change& change, std::size_t number, std::string_view name) {
  auto existing = parent.find(name);
  if (existing && is_directory_entry(*existing)) {
    remove(parent, *existing);
    existing.reset();
  }
  InodeNumber inode_number = 0;
  if (existing) {
    DiskInode old = fs_.read_inode(existing->inode);
    if (old.links == 1) {
      free_data(existing->inode, old);
      inode_number = existing->inode;
    } else {
      drop_link(existing->inode);
    }
  }
  if (inode_number == 0) inode_number = fs_.allocate_inode(parent.number(), Filesystem::InodeUse::File, change.path);
  const DirectoryEntry entry{std::string(name), inode_number, dirent_type(change.type)};
  if (!existing) {
    parent.insert(entry);
  } else if (*existing != entry) {
    parent.replace(entry);
  }
  write_new_inode(inode_number, change);
  if (change.type == FileType::Regular && change.size > 0) pending_.push_back({number, inode_number});
  if (const auto target = link_targets_.find(change.path); target != link_targets_.end()) target->second = inode_number;
}

void TreeEditor::write_new_inode(InodeNumber number, const Change& change) {
  DiskInode inode;
  inode.mode = mode_type(change.type);
  inode.links = 1;
  inode.generation = generation_of(change.path);
  set_metadata(inode, change.metadata);
  switch (change.type) {
    case FileType::Regular:
      if (change.size > kMaxFileBytes) throw not_representable(change.path, "it is too large");
      set_size(inode, change.size);
      write_extents(fs_, number, inode, {}, change.path);
      break;
    case FileType::Symlink:
      if (change.target.empty() || change.target.size() > kMaxSymlink) {
        throw not_representable(change.path, "the target of a symbolic link has 1 to 4095 bytes");
      }
      set_size(inode, change.target.size());
      if (change.target.size() < kFastSymlinkSize) {
        std::memcpy(inode.block.data(), change.target.data(), change.target.size());
      } else {
        const BlockNumber block = fs_.allocate_block(change.path);
        std::memcpy(fs_.overlay().fresh(block).data(), change.target.data(), change.target.size());
        const FileRun run{0, block, 1};
        write_extents(fs_, number, inode, std::span(&run, 1), change.path);
        set_block_count(inode, 1);
      }
      break;
    case FileType::CharDevice:
    case FileType::BlockDevice: set_device(inode, change.device_major, change.device_minor); break;
    case FileType::Fifo:
    case FileType::Socket: break;
    case FileType::Directory: throw bug("a directory among files");
  }
  set_xattrs(fs_, number, inode, change.metadata.xattrs, change.path);
  fs_.write_inode(number, inode);
}

void TreeEditor::remove(Directory& parent, const DirectoryEntry& entry) {
  if (is_directory_entry(entry)) {
    Directory directory = Directory::open(fs_, entry.inode, parent.path() + "/" + entry.name);
    remove_contents(directory);
    directory.destroy();
    parent.drop_subdirectory();
  } else {
    drop_link(entry.inode);
  }
  parent.remove(entry.name);
}

// Depth first, each directory read once and freed after what is in it. Deep trees nest as deep here as their paths are
// long.
void TreeEditor::remove_contents(Directory& directory) {
  if (directory.path().size() > kMaxDepthBytes) throw bad_filesystem("its directories are in a loop");
  for (const DirectoryEntry& entry : directory.entries()) {
    if (!is_directory_entry(entry)) {
      drop_link(entry.inode);
      continue;
    }
    Directory child = Directory::open(fs_, entry.inode, directory.path() + "/" + entry.name);
    remove_contents(child);
    child.destroy();
  }
}

void TreeEditor::drop_link(InodeNumber number) {
  DiskInode inode = fs_.read_inode(number);
  if (inode.links > 1) {
    --inode.links;
    fs_.write_inode(number, inode);
    return;
  }
  free_data(number, inode);
  fs_.free_inode(number, Filesystem::InodeUse::File);
}

void TreeEditor::free_data(InodeNumber number, DiskInode& inode) {
  drop_xattrs(fs_, inode);
  const ExtentTree tree = read_extents(fs_, number, inode);
  for (const FileRun& run : tree.runs) fs_.free_blocks({run.physical, run.blocks});
  for (const BlockNumber node : tree.nodes) fs_.free_blocks({node, 1});
}

}  // namespace blueprint::layers::ext4
