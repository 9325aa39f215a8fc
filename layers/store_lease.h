#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/fd.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A directory of this process, `parent/NAME`, with a lock file `parent/NAME.lock` that is locked as long as the object
/// (or the process) lives: who finds the lock free knows that the directory is nobody's any more.
class WorkDir {
 public:
  explicit WorkDir(const std::filesystem::path& parent);
  ~WorkDir();
  WorkDir(const WorkDir&) = delete;
  WorkDir& operator=(const WorkDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  UniqueFd lock_;
  std::filesystem::path path_;
};

/// A promise that an image is in use (by a sandbox, an export): gc keeps all its blobs while the object, or a process
/// that inherited its descriptor, lives.
class Lease {
 public:
  /// `holder` is for people: "blueprint run hello (pid 4711)". Throws Error S010 when the image is not in the store.
  Lease(const Store& store, const Digest& manifest, std::string_view holder);
  ~Lease();
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;

  [[nodiscard]] int fd() const { return lock_.get(); }

 private:
  UniqueFd lock_;
  std::filesystem::path path_;
};

/// Whether this process may write to the store: it may not on a read-only disk or in somebody else's.
[[nodiscard]] bool is_writable(const Store& store);
/// A directory for scratch files: in store.tmp(), or in /var/tmp where the store cannot be written.
[[nodiscard]] TempDir make_scratch(const Store& store, std::string_view prefix);

/// Opens `path` and takes an exclusive lock on it, creating it when missing. Unlike FileLock it is safe beside somebody
/// who unlinks lock files that they hold: the descriptor is of the file that has the name. With Wait::No, an invalid
/// one when it is locked.
enum class Wait { No, Yes };
[[nodiscard]] UniqueFd lock_named_file(const std::filesystem::path& path, Wait wait);

}  // namespace blueprint::layers
