#include "layers/ext4/directory.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "layers/ext4/errors.h"
#include "layers/ext4/inode.h"
#include "layers/ext4/xattr.h"

namespace blueprint::layers::ext4 {

/// The blocks of the directory through its extents.
class Directory::Blocks final : public DirectoryBlocks {
 public:
  Blocks(Filesystem& fs, ExtentTree tree, std::string path)
      : fs_(fs), old_nodes_(std::move(tree.nodes)), path_(std::move(path)) {
    for (const FileRun& run : tree.runs) {
      if (run.logical != physical_.size()) throw bad_filesystem("a directory has a hole");
      for (std::uint64_t i = 0; i < run.blocks; ++i) physical_.push_back(run.physical + i);
    }
  }

  [[nodiscard]] std::uint32_t count() const override { return static_cast<std::uint32_t>(physical_.size()); }
  [[nodiscard]] const Block& read(std::uint32_t number) override { return fs_.overlay().read(physical_.at(number)); }
  [[nodiscard]] Block& modify(std::uint32_t number) override { return fs_.overlay().modify(physical_.at(number)); }
  std::uint32_t append() override {
    physical_.push_back(fs_.allocate_block(path_));
    static_cast<void>(fs_.overlay().fresh(physical_.back()));  // whatever the block held before is gone
    moved_ = true;
    return count() - 1;
  }
  /// Gives up the blocks from `count` on.
  void shrink(std::uint32_t new_count) {
    for (; physical_.size() > new_count; physical_.pop_back()) fs_.free_blocks({physical_.back(), 1});
    moved_ = true;
  }

  [[nodiscard]] bool moved() const { return moved_; }
  [[nodiscard]] std::vector<FileRun> runs() const {
    std::vector<FileRun> runs;
    for (std::size_t i = 0; i < physical_.size(); ++i) {
      if (!runs.empty() && runs.back().physical + runs.back().blocks == physical_[i]) {
        ++runs.back().blocks;
      } else {
        runs.push_back({i, physical_[i], 1});
      }
    }
    return runs;
  }
  void free_old_nodes() {
    for (const BlockNumber node : old_nodes_) fs_.free_blocks({node, 1});
    old_nodes_.clear();
  }

 private:
  Filesystem& fs_;
  std::vector<BlockNumber> physical_;   ///< by number in the directory
  std::vector<BlockNumber> old_nodes_;  ///< of the extent tree as read
  bool moved_ = false;                  ///< the extent tree must be written
  std::string path_;
};

Directory::Directory(Filesystem& fs, InodeNumber number, DiskInode inode, std::string path)
    : fs_(fs), number_(number), path_(std::move(path)), inode_(inode) {}
Directory::Directory(Directory&&) noexcept = default;
Directory::~Directory() = default;

Directory Directory::open(Filesystem& fs, InodeNumber number, std::string path) {
  const DiskInode inode = fs.read_inode(number);
  if (!is_directory(inode)) throw change_does_not_fit(path, "it is no directory");
  return {fs, number, inode, std::move(path)};
}

Directory Directory::make(Filesystem& fs, InodeNumber number, InodeNumber parent, std::string path) {
  DiskInode inode;
  inode.mode = kDirectory;
  inode.generation = generation_of(path);
  inode.links = 2;
  Directory directory(fs, number, inode, std::move(path));
  directory.parent_ = parent;
  directory.form_ = Form::List;
  directory.blocks_ = std::make_unique<Blocks>(fs, ExtentTree(), directory.path_);
  directory.list_changed_ = true;
  directory.inode_changed_ = true;
  return directory;
}

void Directory::load() {
  if (form_ != Form::Unread) return;
  blocks_ = std::make_unique<Blocks>(fs_, read_extents(fs_, number_, inode_), path_);
  if ((inode_.flags & kIndexFlag) != 0) {
    form_ = Form::Indexed;
    htree_ = std::make_unique<Htree>(Htree::Context{fs_, *blocks_, fs_.inode_seed(number_, inode_.generation), path_});
  } else {
    form_ = Form::List;
    load_list();
  }
}

void Directory::load_list() {
  const std::uint32_t seed = fs_.inode_seed(number_, inode_.generation);
  for (std::uint32_t i = 0; i < blocks_->count(); ++i) {
    const Block& block = blocks_->read(i);
    check_block(block, seed);
    visit_entries(block, [&](const DiskDirent& header, std::string_view name) {
      if (name == "..") parent_ = header.inode;
      if (name != "." && name != "..") list_.push_back({std::string(name), header.inode, header.file_type});
      return true;
    });
  }
  std::sort(list_.begin(), list_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (parent_ == 0) throw bad_filesystem("a directory has no parent");
}

std::vector<DirectoryEntry>::iterator Directory::list_position(std::string_view name) {
  if (!list_.empty() && list_.back().name < name) return list_.end();
  return std::lower_bound(list_.begin(), list_.end(), name,
                          [](const DirectoryEntry& entry, std::string_view value) { return entry.name < value; });
}

std::optional<DirectoryEntry> Directory::find(std::string_view name) {
  load();
  if (form_ == Form::Indexed) return htree_->find(name);
  const auto at = list_position(name);
  if (at == list_.end() || at->name != name) return std::nullopt;
  return *at;
}

void Directory::insert(DirectoryEntry entry) {
  load();
  if (entry.name.empty() || entry.name.size() > 255) throw not_representable(path_, "a name in it is too long");
  if (form_ == Form::Indexed) {
    htree_->insert(entry);
    inode_changed_ = true;
    return;
  }
  list_.insert(list_position(entry.name), std::move(entry));
  list_changed_ = true;
}

void Directory::replace(const DirectoryEntry& entry) {
  load();
  if (form_ == Form::Indexed) {
    if (!htree_->replace(entry)) throw bug("a name that is not there");
    return;
  }
  const auto at = list_position(entry.name);
  if (at == list_.end() || at->name != entry.name) throw bug("a name that is not there");
  *at = entry;
  list_changed_ = true;
}

void Directory::remove(std::string_view name) {
  load();
  if (form_ == Form::Indexed) {
    if (!htree_->remove(name)) throw bug("a name that is not there");
    return;
  }
  const auto at = list_position(name);
  if (at == list_.end() || at->name != name) throw bug("a name that is not there");
  list_.erase(at);
  list_changed_ = true;
}

std::vector<DirectoryEntry> Directory::entries() {
  load();
  if (form_ == Form::List) return list_;
  std::vector<DirectoryEntry> result;
  for (const std::uint32_t leaf : htree_->leaves()) {
    visit_entries(blocks_->read(leaf), [&](const DiskDirent& header, std::string_view name) {
      result.push_back({std::string(name), header.inode, header.file_type});
      return true;
    });
  }
  return result;
}

// A directory with more than kMaxLinks links has a count of 1, "not known" (dir_nlink). e2fsck wants the number back as
// soon as it fits again, so a removal from such a directory counts its subdirectories.
void Directory::add_subdirectory() {
  inode_changed_ = true;
  if (inode_.links == 1) return;
  inode_.links = inode_.links >= kMaxLinks ? std::uint16_t{1} : static_cast<std::uint16_t>(inode_.links + 1);
}

void Directory::drop_subdirectory() {
  inode_changed_ = true;
  if (inode_.links == 1) {
    recount_ = true;
  } else {
    --inode_.links;
  }
}

void Directory::recount_subdirectories() {
  const auto all = entries();
  const auto links = 2 + std::count_if(all.begin(), all.end(),
                                       [](const auto& e) { return e.type == dirent_type(FileType::Directory); });
  inode_.links = links > kMaxLinks ? std::uint16_t{1} : static_cast<std::uint16_t>(links);
}

void Directory::commit() {
  if (recount_) recount_subdirectories();
  if (form_ == Form::List && list_changed_) write_list();
  if (form_ == Form::Indexed) htree_->commit();
  if (blocks_ && blocks_->moved()) write_blocks();
  if (inode_changed_) fs_.write_inode(number_, inode_);
}

void Directory::write_list() {
  const std::uint32_t seed = fs_.inode_seed(number_, inode_.generation);
  std::size_t size = entry_size(".") + entry_size("..");
  for (const DirectoryEntry& entry : list_) size += entry_size(entry.name);
  if (size > kEntryBytes) {
    Htree::build({fs_, *blocks_, seed, path_}, std::move(list_), number_, parent_);
    inode_.flags |= kIndexFlag;
  } else {
    std::vector<DirectoryEntry> entries{{".", number_, dirent_type(FileType::Directory)},
                                        {"..", parent_, dirent_type(FileType::Directory)}};
    entries.insert(entries.end(), std::make_move_iterator(list_.begin()), std::make_move_iterator(list_.end()));
    if (blocks_->count() == 0) blocks_->append();
    if (blocks_->count() > 1) blocks_->shrink(1);
    Block& block = blocks_->modify(0);
    fill_block(block, entries);
    seal_block(block, seed);
    inode_.flags &= ~kIndexFlag;
  }
  inode_changed_ = true;
}

void Directory::write_blocks() {
  blocks_->free_old_nodes();
  const std::uint64_t tree = write_extents(fs_, number_, inode_, blocks_->runs(), path_);
  set_size(inode_, std::uint64_t{blocks_->count()} * kBlockSize);
  set_block_count(inode_, blocks_->count() + tree + (xattr_block_of(inode_) != 0 ? 1 : 0));
  inode_changed_ = true;
}

void Directory::destroy() {
  drop_xattrs(fs_, inode_);
  const ExtentTree tree = read_extents(fs_, number_, inode_);
  for (const FileRun& run : tree.runs) fs_.free_blocks({run.physical, run.blocks});
  for (const BlockNumber node : tree.nodes) fs_.free_blocks({node, 1});
  fs_.free_inode(number_, Filesystem::InodeUse::Directory);
}

}  // namespace blueprint::layers::ext4
