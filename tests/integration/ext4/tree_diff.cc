#include "tests/integration/ext4/tree_diff.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "layers/data_digest.h"
#include "tests/support/scan_tree.h"

namespace blueprint::tests {

using layers::Change;
using layers::ChangeKind;
using layers::FileType;
using layers::PlannedChange;

Snapshot::Snapshot(const std::filesystem::path& directory, std::int64_t epoch) {
  std::map<std::string, std::vector<std::string>> names;  // first name → all
  for (PlannedChange& planned : scan_tree(directory)) {
    Change& change = planned.change;
    if (change.path == "lost+found") continue;
    change.metadata.mtime = std::min(change.metadata.mtime, layers::Timestamp{epoch, 0});
    names[change.link_to.empty() ? change.path : change.link_to].push_back(change.path);
    if (change.type == FileType::Regular && change.link_to.empty()) {
      const UniqueFd fd = open_file(directory / change.path, O_RDONLY);
      std::uint64_t size = 0;
      change.data_digest = layers::data_digest_of_fd(fd.get(), size, change.path);
    }
    entries_[change.path].planned = std::move(planned);
  }
  for (const auto& [first, all] : names) {
    for (const std::string& name : all) entries_[name].names = all;
  }
}

const Snapshot::Entry* Snapshot::find(const std::string& path) const {
  const auto found = entries_.find(path);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::string> Snapshot::differences(const Snapshot& other) const {
  std::vector<std::string> result;
  const auto say = [&](const std::string& path, const char* what) {
    if (result.size() < 10) result.push_back(fmt::format("{}: {}", printable(path), what));
  };
  for (const auto& [path, entry] : entries_) {
    const Entry* there = other.find(path);
    if (there == nullptr) {
      say(path, "is missing");
      continue;
    }
    const Change& a = entry.planned.change;
    const Change& b = there->planned.change;
    if (a.type != b.type) say(path, "type");
    if (a.metadata.mode != b.metadata.mode) say(path, "mode");
    if (a.metadata.uid != b.metadata.uid || a.metadata.gid != b.metadata.gid) say(path, "owner");
    if (a.metadata.mtime != b.metadata.mtime) say(path, "time");
    if (a.metadata.xattrs != b.metadata.xattrs) say(path, "xattrs");
    if (a.target != b.target) say(path, "target");
    if (a.device_major != b.device_major || a.device_minor != b.device_minor) say(path, "device");
    if (a.type == FileType::Regular && a.size != b.size) say(path, "size");
    if (a.data_digest != b.data_digest) say(path, "data");
    if (entry.names != there->names) say(path, "hard links");
  }
  for (const auto& [path, entry] : other.entries_) {
    if (find(path) == nullptr) say(path, "should not be there");
  }
  return result;
}

// Whether the inode of `after` is the one of `before`, perhaps with other metadata and fewer names.
bool Snapshot::same_file(const Entry& before, const Entry& after) const {
  const auto stays = [&](const std::string& name) {
    return std::binary_search(after.names.begin(), after.names.end(), name) || find(name) == nullptr;
  };
  return std::includes(before.names.begin(), before.names.end(), after.names.begin(), after.names.end()) &&
         std::all_of(before.names.begin(), before.names.end(), stays);
}

std::vector<PlannedChange> Snapshot::changes_from(const Snapshot& before) const {
  std::vector<PlannedChange> changes;
  for (const auto& [path, entry] : entries_) {
    const Change& now = entry.planned.change;
    const Entry* old = before.find(path);
    const Entry& data = *find(entry.names.front());
    bool same = old != nullptr && old->planned.change.type == now.type && now.target == old->planned.change.target &&
                now.device_major == old->planned.change.device_major &&
                now.device_minor == old->planned.change.device_minor;
    if (same && now.type != FileType::Directory) {
      const Entry& old_data = *before.find(old->names.front());
      same = same_file(*old, entry) && old_data.planned.change.data_digest == data.planned.change.data_digest &&
             old_data.planned.change.size == data.planned.change.size;
    }
    if (!same) {
      changes.push_back(entry.planned);
      changes.back().change.data_digest = Digest();  // the writer finds it out
    } else if (old->planned.change.metadata != now.metadata && path == entry.names.front()) {
      changes.push_back({now, layers::NoData()});
      changes.back().change.kind = ChangeKind::Metadata;
    }
  }
  for (const auto& [path, entry] : before.entries_) {
    if (find(path) != nullptr) continue;
    const Entry* parent = find(std::string(layers::parent_path(path)));
    if (parent == nullptr || parent->planned.change.type != FileType::Directory) continue;  // gone with its parent
    PlannedChange removal;
    removal.change.kind = ChangeKind::Remove;
    removal.change.path = path;
    changes.push_back(std::move(removal));
  }
  return changes;
}

std::vector<PlannedChange> Snapshot::everything() const {
  std::vector<PlannedChange> changes;
  for (const auto& [path, entry] : entries_) changes.push_back(entry.planned);
  return changes;
}

}  // namespace blueprint::tests
