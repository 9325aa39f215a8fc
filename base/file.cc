#include "base/file.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint {
namespace fs = std::filesystem;
namespace {

std::string read_fd(int fd, const fs::path& path) {
  std::string text;
  struct stat status {};
  if (::fstat(fd, &status) == 0 && status.st_size > 0) text.reserve(static_cast<std::size_t>(status.st_size));
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw os_error(fmt::format("read {}", path.string()));
    }
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string read_file(const fs::path& path) { return read_fd(open_file(path, O_RDONLY).get(), path); }

std::optional<std::string> read_file_if_exists(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw os_error(fmt::format("open {}", path.string()));
  }
  return read_fd(fd.get(), path);
}

UniqueFd open_file(const fs::path& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw os_error(fmt::format("{} {}", (flags & O_CREAT) != 0 ? "create" : "open", path.string()));
  return fd;
}

void write_all(int fd, std::span<const std::byte> bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      throw os_error(fmt::format("write {}", what));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
}

void write_all(int fd, std::string_view text, std::string_view what) {
  write_all(fd, std::as_bytes(std::span(text.data(), text.size())), what);
}

void pwrite_all(int fd, std::span<const std::byte> bytes, std::uint64_t offset, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      throw os_error(fmt::format("write {}", what));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
}

void pread_all(int fd, std::span<std::byte> bytes, std::uint64_t offset, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw os_error(fmt::format("read {}", what));
    }
    if (got == 0) {
      throw Error({.kind = ErrorKind::Store,
                   .code = "S021",
                   .message = fmt::format("{} ends at byte {}, {} bytes too early", what, offset, bytes.size())});
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

AtomicFile::AtomicFile(fs::path path, unsigned mode) : path_(std::move(path)) {
  std::string name = (path_.parent_path() / fmt::format(".{}.XXXXXX", path_.filename().string())).string();
  fd_.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd_) throw os_error(fmt::format("create {}", path_.string()));
  temporary_ = name;
  ::fchmod(fd_.get(), mode);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})), fd_(std::move(other.fd_)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view text) { write_all(fd_.get(), text, path_.string()); }

void AtomicFile::commit(Durable durable) {
  if (durable == Durable::Yes && ::fsync(fd_.get()) != 0) throw os_error(fmt::format("write {}", path_.string()));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw os_error(fmt::format("create {}", path_.string()));
  temporary_.clear();
  fd_.reset();
  if (durable == Durable::Yes) sync_directory(path_.parent_path());
}

void write_file_atomic(const fs::path& path, std::string_view text, unsigned mode) {
  AtomicFile file(path, mode);
  file.write(text);
  file.commit();
}

TempDir::TempDir(const fs::path& parent, std::string_view prefix) {
  std::string name = (parent / fmt::format("{}XXXXXX", prefix)).string();
  if (::mkdtemp(name.data()) == nullptr) throw os_error(fmt::format("create a directory in {}", parent.string()));
  path_ = name;
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir::~TempDir() {
  if (path_.empty()) return;
  try {
    remove_tree(path_);
  } catch (const Error&) {
    // What is left lies under a tmp/ directory that the next gc sweeps.
  }
}

fs::path TempDir::keep() { return std::exchange(path_, {}); }

namespace {

/// A directory that is being emptied: what is left to remove in it.
struct Emptying {
  std::string name;  ///< in its parent
  ino_t inode;
  std::vector<std::string> left;
};

/// Opens directory `name` of `parent` so that it can be read and emptied, and lists it. errno is set when the
/// descriptor is invalid.
UniqueFd open_for_removal(int parent, const char* name, struct stat& status) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd directory(::openat(parent, name, kFlags));
  if (!directory && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0)
    directory.reset(::openat(parent, name, kFlags));
  if (!directory || ::fstat(directory.get(), &status) != 0) return UniqueFd();
  if ((status.st_mode & 0700) != 0700) ::fchmod(directory.get(), 0700);
  return directory;
}

std::vector<std::string> list_directory(int directory, const fs::path& shown) {
  DIR* stream = ::fdopendir(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
  if (stream == nullptr) throw os_error(fmt::format("read {}", shown.string()));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  return names;
}

/// Removes the directory `top`. Holds one descriptor whatever the depth, and comes back up through "..", checking that
/// this is still the directory that it came from.
void remove_directory(const fs::path& top, dev_t device) {
  const auto failed = [&](int error_number) { return os_error(fmt::format("remove {}", top.string()), error_number); };
  struct stat status {};
  UniqueFd at = open_for_removal(AT_FDCWD, top.c_str(), status);
  if (!at) throw failed(errno);
  std::vector<Emptying> stack;
  stack.push_back({top.string(), status.st_ino, list_directory(at.get(), top)});
  while (true) {
    auto& level = stack.back();
    if (level.left.empty()) {
      const std::string done = std::move(level.name);
      stack.pop_back();
      if (stack.empty()) break;
      UniqueFd parent(::openat(at.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!parent || ::fstat(parent.get(), &status) != 0) throw failed(errno);
      if (status.st_ino != stack.back().inode || status.st_dev != device) throw failed(ENOTEMPTY);
      at = std::move(parent);
      if (::unlinkat(at.get(), done.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) throw failed(errno);
      continue;
    }
    const std::string name = std::move(level.left.back());
    level.left.pop_back();
    if (::unlinkat(at.get(), name.c_str(), 0) == 0 || errno == ENOENT) continue;
    const int unlink_error = errno;
    UniqueFd child = open_for_removal(at.get(), name.c_str(), status);
    // EPERM also means an immutable file; then it is not a directory and the first reason is the real one.
    if (!child) throw failed(errno == ENOTDIR || errno == ELOOP ? unlink_error : errno);
    if (status.st_dev != device) throw failed(EBUSY);
    stack.push_back({name, status.st_ino, list_directory(child.get(), top)});
    at = std::move(child);
  }
  at.reset();
  if (::rmdir(top.c_str()) != 0 && errno != ENOENT) throw failed(errno);
}

}  // namespace

void remove_tree(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw os_error(fmt::format("remove {}", path.string()));
  }
  if (S_ISDIR(status.st_mode)) return remove_directory(path, status.st_dev);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw os_error(fmt::format("remove {}", path.string()));
}

FileLock::FileLock(const fs::path& path, Mode mode) : fd_(open_file(path, O_RDWR | O_CREAT, 0644)) {
  while (::flock(fd_.get(), mode == Mode::Shared ? LOCK_SH : LOCK_EX) != 0) {
    if (errno != EINTR) throw os_error(fmt::format("lock {}", path.string()));
  }
}

std::optional<FileLock> FileLock::try_lock(const fs::path& path, Mode mode) {
  UniqueFd fd = open_file(path, O_RDWR | O_CREAT, 0644);
  if (::flock(fd.get(), (mode == Mode::Shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw os_error(fmt::format("lock {}", path.string()));
  }
  return FileLock(std::move(fd));
}

void sync_directory(const fs::path& directory) {
  const UniqueFd fd(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw os_error(fmt::format("write directory {}", directory.string()));
}

}  // namespace blueprint
