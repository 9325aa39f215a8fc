// trees/HEX/: the checked-out tree of a layer. trees/HEX.used: in which boot it was made and, by its time, when it was
// used last.
//
// Trees are many small files and a mere cache, so they are published without fsync. The price: after a power loss their
// files may be empty. A tree is therefore only believed in the boot of the host in which it was made.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "layers/store.h"
#include "layers/store_touch.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

std::string boot_id() {
  return std::string(trim(read_file_if_exists("/proc/sys/kernel/random/boot_id").value_or("unknown")));
}

/// The time of the directory itself is part of the tree, so boot and use are noted beside it.
fs::path tree_note(const fs::path& tree) { return tree.string() + ".used"; }

}  // namespace

std::optional<fs::path> Store::find_tree(const Digest& layer) const {
  const FileLock no_gc = share_with_gc();
  const fs::path path = tree_path(layer);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  if (read_file_if_exists(tree_note(path)) != boot_id()) return std::nullopt;
  touch(tree_note(path));
  return path;
}

fs::path Store::publish_tree(const fs::path& directory, const Digest& layer) {
  const fs::path path = tree_path(layer);
  const FileLock one_at_a_time(root_ / "locks/trees", FileLock::Mode::Exclusive);
  if (find_tree(layer)) return path;
  const FileLock no_gc = share_with_gc();
  if (fs::exists(path)) {
    const TempDir old(tmp(), "old-tree-");
    if (::rename(path.c_str(), (old.path() / "tree").c_str()) != 0) {
      throw os_error(fmt::format("replace {}", path.string()));
    }
  }
  AtomicFile note(tree_note(path));
  note.write(boot_id());
  note.commit(Durable::No);
  if (::rename(directory.c_str(), path.c_str()) != 0) throw os_error(fmt::format("create {}", path.string()));
  return path;
}

}  // namespace blueprint::layers
