#include "layers/store_lease.h"

#include <cerrno>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace blueprint::layers {
namespace fs = std::filesystem;

UniqueFd lock_named_file(const fs::path& path, Wait wait) {
  while (true) {
    UniqueFd fd = open_file(path, O_RDWR | O_CREAT, 0644);
    if (::flock(fd.get(), LOCK_EX | (wait == Wait::No ? LOCK_NB : 0)) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return UniqueFd();
      throw os_error(fmt::format("lock {}", path.string()));
    }
    // Between open and flock the holder may have removed the file: then the lock is on a file that nobody else can
    // find.
    struct stat ours {};
    struct stat named {};
    if (::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino) return fd;
  }
}

namespace {

/// A new locked file `parent/PREFIX-PID-N.SUFFIX` that no other process uses.
std::pair<UniqueFd, fs::path> new_locked_file(const fs::path& parent, std::string_view prefix,
                                              std::string_view suffix) {
  for (unsigned number = 0;; ++number) {
    const fs::path path = parent / fmt::format("{}-{}-{}{}", prefix, ::getpid(), number, suffix);
    // A leftover of a dead process with our number is as good as a new one once its content is gone.
    if (UniqueFd fd = lock_named_file(path, Wait::No)) {
      if (::ftruncate(fd.get(), 0) != 0) throw os_error(fmt::format("write {}", path.string()));
      return {std::move(fd), path};
    }
  }
}

}  // namespace

WorkDir::WorkDir(const fs::path& parent) {
  auto [fd, lock_path] = new_locked_file(parent, "work", ".lock");
  lock_ = std::move(fd);
  path_ = lock_path;
  path_.replace_extension();
  // Its time stamp is the beginning of this lease; gc.h says what follows from it.
  if (::futimens(lock_.get(), nullptr) != 0) throw os_error(fmt::format("write {}", lock_path.string()));
  remove_tree(path_);
  if (::mkdir(path_.c_str(), 0700) != 0) throw os_error(fmt::format("create {}", path_.string()));
}

WorkDir::~WorkDir() {
  try {
    remove_tree(path_);
  } catch (const Error&) {
    // The next gc finds the lock free and tries again.
    return;
  }
  ::unlink((path_.string() + ".lock").c_str());
}

bool is_writable(const Store& store) { return ::access((store.root() / "tmp").c_str(), W_OK | X_OK) == 0; }

TempDir make_scratch(const Store& store, std::string_view prefix) {
  return TempDir(is_writable(store) ? store.tmp() : fs::path("/var/tmp"), prefix);
}

Lease::Lease(const Store& store, const Digest& manifest, std::string_view holder) {
  std::tie(lock_, path_) = new_locked_file(store.leases(), "lease", ".json");
  Json json;
  json["image"] = manifest.to_string();
  json["holder"] = holder;
  write_all(lock_.get(), compact_json(json), path_.string());
  // Looked up after the promise is visible: a gc that began before has either seen the promise or already removed the
  // image.
  const FileLock no_gc(store.root() / "locks/gc", FileLock::Mode::Shared);
  (void)store.load_image(manifest);
}

Lease::~Lease() {
  // Whoever inherited the descriptor holds the same lock; the last one to go leaves a file that the next gc removes.
  if (path_.empty()) return;
  lock_.reset();
  try {
    if (const UniqueFd last = lock_named_file(path_, Wait::No)) ::unlink(path_.c_str());
  } catch (const Error&) {
    // A file that cannot be opened promises nothing: the lock is gone.
  }
}

Lease::Lease(Lease&& other) noexcept : lock_(std::move(other.lock_)), path_(std::exchange(other.path_, {})) {}

}  // namespace blueprint::layers
