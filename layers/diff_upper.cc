// What a build step did, from the upper directory of its overlay.
//
// The upper directory says more than what changed: overlayfs copies a file up when it is opened for writing, touched or
// chowned, and a directory when anything below it changes. A changeset says only what is different afterwards, so each
// name found is compared with the parent's: type, metadata (times clamped first) and, for files of equal size, the
// digest of the bytes, in three passes:
//
//   1. scan: all names, in parallel (diff_scan)
//   2. plan: in path order, each name against the parent; files whose bytes decide are queued
//   3. hash: those files, in parallel; then each gets its verdict
//
// "Hidden" directories (opaque, or below one) show nothing of the parent: there a name of the parent that was not found
// is removed. The names that were found are compared all the same, because a directory that was removed and written
// again with the same content has not changed.

#include <algorithm>
#include <map>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "layers/data_digest.h"
#include "layers/diff_scan.h"
#include "layers/layer_writer.h"

namespace blueprint::layers {
namespace {

using Entry = FileTree::Entry;

class Diff {
 public:
  Diff(const std::string& upper, const FileTree& parent, const TimeClamp& times, const std::vector<std::string>& skip,
       ThreadPool& pool)
      : upper_path_(upper), upper_(upper), parent_(parent), skip_(skip.begin(), skip.end()), pool_(pool) {
    // An image without layers still has a root directory, which is nobody's work yet.
    bootstrap_ = parent.entries().size() <= 1;
    files_ = scan_upper(upper_, skip, pool);
    for (auto& file : files_) file.metadata.mtime = times(file.metadata.mtime);
  }

  std::vector<PlannedChange> run() {
    collect_names();
    settle_root();
    for (std::size_t i = 0; i < files_.size(); ++i) visit(i);
    hash_contents();
    sort_changes(changes_);
    return std::move(changes_);
  }

 private:
  /// A file that may be one of the parent's: its bytes decide.
  struct Candidate {
    std::size_t file = 0;  ///< the first name of its inode
    std::size_t kept = 0;  ///< that of its names that `before` is compared with
    const Entry* before = nullptr;
    Digest digest;
  };

  void collect_names() {
    std::map<std::uint64_t, std::vector<std::size_t>> by_inode;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].links > 1 && files_[i].type == FileType::Regular) by_inode[files_[i].inode].push_back(i);
    }
    for (auto& [inode, names] : by_inode) {
      for (std::size_t i = 1; i < names.size(); ++i) later_names_.insert(names[i]);
      if (names.size() > 1) names_.emplace(names.front(), std::move(names));
    }
  }

  /// All names that the upper directory has for the inode whose first name is `number`.
  std::vector<std::size_t> names_of(std::size_t number) const {
    const auto names = names_.find(number);
    return names == names_.end() ? std::vector<std::size_t>{number} : names->second;
  }

  const Entry* before(const ScannedFile& file) const { return bootstrap_ ? nullptr : parent_.find(file.path); }

  /// The upper directory itself is made by the builder: its time says when the step began, not that "/" changed.
  void settle_root() {
    ScannedFile& root = files_.front();
    if (bootstrap_) {
      root.metadata.mode = 0755;
      root.metadata.uid = 0;
      root.metadata.gid = 0;
    } else {
      root.metadata.mtime = parent_.entries().front().metadata.mtime;
    }
  }

  void visit(std::size_t number) {
    const ScannedFile& file = files_[number];
    const Entry* entry = before(file);
    const bool inside_hidden = !file.path.empty() && hidden_.contains(parent_path(file.path));
    if (file.whiteout) {
      // In a hidden directory the sweep of what was not found says the same.
      if (entry != nullptr && !inside_hidden) remove(file.path);
      return;
    }
    if (file.type == FileType::Regular) return visit_regular(number);
    if (file.type == FileType::Directory && (file.opaque || inside_hidden)) hide(file.path, entry);
    const bool same = entry != nullptr && entry->type == file.type && entry->target == file.target &&
                      entry->device_major == file.device_major && entry->device_minor == file.device_minor;
    if (!same) return put(number);
    if (file.metadata == entry->metadata) return;
    // Metadata belongs to an inode: other names of the parent's keep theirs.
    if (file.type != FileType::Directory && entry->links > 1) return put(number);
    change_metadata(file);
  }

  void visit_regular(std::size_t number) {
    if (later_names_.contains(number)) return;
    for (const std::size_t name : names_of(number)) {
      const Entry* entry = before(files_[name]);
      if (entry == nullptr || entry->type != FileType::Regular || entry->size != files_[name].size) continue;
      candidates_.push_back({.file = number, .kept = name, .before = entry});
      return;
    }
    put(number);
  }

  /// Removes the names that the parent has in `path` and that were not found there.
  void hide(const std::string& path, const Entry* before) {
    hidden_.insert(path);
    if (before == nullptr || before->type != FileType::Directory) return;
    for (const Entry* entry : parent_.list(path)) {
      if (skip_.contains(entry->path)) continue;
      const auto found = std::ranges::lower_bound(
          files_, entry->path, [](const std::string& a, const std::string& b) { return compare_paths(a, b) < 0; },
          &ScannedFile::path);
      if (found == files_.end() || found->path != entry->path || found->whiteout) remove(entry->path);
    }
  }

  void hash_contents() {
    TaskGroup tasks(pool_);
    for (auto& candidate : candidates_) {
      tasks.run([this, &candidate] {
        const ScannedFile& file = files_[candidate.file];
        const UniqueFd fd = upper_.open(file.path, O_RDONLY | O_NOFOLLOW);
        std::uint64_t size_bytes = 0;
        candidate.digest = data_digest_of_fd(fd.get(), size_bytes, printable(file.path));
      });
    }
    tasks.wait();
    for (const auto& candidate : candidates_) judge(candidate);
  }

  void judge(const Candidate& candidate) {
    const Entry& entry = *candidate.before;
    const ScannedFile& file = files_[candidate.kept];
    if (candidate.digest != entry.data_digest) return put(candidate.file, candidate.digest);
    std::vector<std::size_t> added;
    const auto names = names_of(candidate.file);
    for (const std::size_t name : names) {
      const Entry* other = before(files_[name]);
      if (other == nullptr || other->inode != entry.inode) added.push_back(name);
    }
    if (entry.links == names.size() - added.size()) {
      // The parent's inode keeps all its names; it may have got more, and other metadata.
      if (file.metadata != entry.metadata) change_metadata(file);
      for (const std::size_t name : added) put_link(files_[name], file.path);
    } else if (names.size() > 1 || file.metadata != entry.metadata) {
      put(candidate.file, candidate.digest);
    }
    // What is left: one name of several was copied up and is unchanged. That it shares its inode no more is nothing
    // that a layer should say.
  }

  void remove(const std::string& path) { changes_.push_back({.change = {.kind = ChangeKind::Remove, .path = path}}); }

  void change_metadata(const ScannedFile& file) {
    changes_.push_back(
        {.change = {.kind = ChangeKind::Metadata, .path = file.path, .type = file.type, .metadata = file.metadata}});
  }

  void put(std::size_t number, const Digest& digest = {}) {
    const ScannedFile& file = files_[number];
    PlannedChange planned{.change = {.kind = ChangeKind::Put,
                                     .path = file.path,
                                     .type = file.type,
                                     .metadata = file.metadata,
                                     .target = file.target,
                                     .device_major = file.device_major,
                                     .device_minor = file.device_minor,
                                     .size = file.size,
                                     .data_digest = digest}};
    if (file.type == FileType::Regular) planned.source = HostFile{fmt::format("{}/{}", upper_path_, file.path)};
    changes_.push_back(std::move(planned));
    for (const std::size_t name : names_of(number)) {
      if (name != number) put_link(files_[name], file.path);
    }
  }

  void put_link(const ScannedFile& file, const std::string& link_to) {
    changes_.push_back({.change = {.kind = ChangeKind::Put, .path = file.path, .type = file.type, .link_to = link_to}});
  }

  const std::string upper_path_;
  const RootDir upper_;
  const FileTree& parent_;
  const std::set<std::string> skip_;
  ThreadPool& pool_;
  bool bootstrap_ = false;
  std::vector<ScannedFile> files_;
  std::map<std::size_t, std::vector<std::size_t>> names_;  ///< of regular files with several, by the first
  std::set<std::size_t> later_names_;                      ///< all of those but the first
  std::set<std::string, std::less<>> hidden_;              ///< directories that show nothing of the parent
  std::vector<Candidate> candidates_;
  std::vector<PlannedChange> changes_;
};

}  // namespace

std::vector<PlannedChange> diff_upper(const std::string& upper, const FileTree& parent, const TimeClamp& times,
                                      const std::vector<std::string>& skip, ThreadPool& pool) {
  return Diff(upper, parent, times, skip, pool).run();
}

}  // namespace blueprint::layers
