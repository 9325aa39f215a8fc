#include "layers/checkout_select.h"

#include <map>
#include <set>

#include "layers/errors.h"

namespace blueprint::layers {

LayerFiles layer_files(const LayerIndex& index, const FileTree& before, const FileTree& after) {
  std::map<std::uint64_t, std::vector<const FileTree::Entry*>> names;
  for (const auto& entry : after.entries()) {
    if (entry.links > 1) names[entry.inode].push_back(&entry);
  }
  LayerFiles files;
  std::set<const FileTree::Entry*> present;  // entries lie in one vector, so their addresses are in path order
  for (const auto& change : index.changes) {
    if (change.kind == ChangeKind::Remove) {
      const FileTree::Entry* parent = after.find(parent_path(change.path));
      if (parent != nullptr && before.find(change.path) != nullptr) files.removed.push_back(change.path);
      continue;
    }
    const FileTree::Entry* entry = after.find(change.path);
    if (entry == nullptr) throw layers_do_not_fit(change.path, "the layer changes it, and it is not there afterwards");
    present.insert(entry);
    if (entry->links > 1) present.insert(names[entry->inode].begin(), names[entry->inode].end());
  }
  present.insert(after.find(""));  // also of a layer without changes
  std::vector<std::string_view> inside(files.removed.begin(), files.removed.end());
  for (const auto* entry : present) inside.push_back(entry->path);
  for (auto path : inside) {
    // What is above a name that is there is there.
    while (!path.empty()) {
      path = parent_path(path);
      if (!present.insert(after.find(path)).second) break;
    }
  }
  files.present.assign(present.begin(), present.end());
  return files;
}

FileTree tree_of(const std::vector<std::shared_ptr<const LayerIndex>>& layers, std::size_t count) {
  return FileTree({layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(count)});
}

}  // namespace blueprint::layers
