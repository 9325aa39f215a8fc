#include "layers/diff_scan.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint::layers {
namespace {

constexpr std::string_view kOverlayPrefixes[] = {"trusted.overlay.", "user.overlay."};

Error depends_on_lower(std::string_view path, std::string_view feature) {
  return Error(
      {.kind = ErrorKind::Machine,
       .code = "S057",
       .message = fmt::format("'{}' in the upper directory needs overlayfs' {} to be read", printable(path), feature),
       .hints = {"mount the overlay with redirect_dir=off,metacopy=off"}});
}

/// What an image keeps: data of files, capabilities and ACLs. Not the labels that the host's security modules put on
/// every file.
bool belongs_in_image(std::string_view name) {
  return name.starts_with("user.") || name.starts_with("trusted.") || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

/// Of the name, not of what a symbolic link points at. There is no lgetxattrat(2) before Linux 6.13; through the magic
/// link of the directory's descriptor the kernel resolves one component only.
class NamedXattrs {
 public:
  NamedXattrs(int directory, std::string_view name, std::string_view shown)
      : place_(fmt::format("/proc/self/fd/{}/{}", directory, name)), shown_(shown) {}

  std::vector<std::string> names() const {
    std::string list;
    while (true) {
      const ssize_t size = ::llistxattr(place_.c_str(), list.data(), list.size());
      if (size < 0 && errno == ERANGE) {
        list.clear();
        continue;
      }
      if (size < 0 && (errno == ENOTSUP || errno == ENOSYS)) return {};
      if (size < 0) throw os_error(fmt::format("read the xattrs of {}", printable(shown_)));
      if (!list.empty() || size == 0) {
        list.resize(static_cast<std::size_t>(size));
        break;
      }
      list.resize(static_cast<std::size_t>(size) + 64);
    }
    std::vector<std::string> names;
    for (std::size_t at = 0; at < list.size(); at = list.find('\0', at) + 1) names.emplace_back(list.c_str() + at);
    return names;
  }

  std::string value(const std::string& name) const {
    std::string value(256, '\0');
    while (true) {
      const ssize_t size = ::lgetxattr(place_.c_str(), name.c_str(), value.data(), value.size());
      if (size < 0 && errno == ERANGE) {
        value.resize(65536);  // XATTR_SIZE_MAX
        continue;
      }
      if (size < 0) throw os_error(fmt::format("read xattr {} of {}", printable(name), printable(shown_)));
      value.resize(static_cast<std::size_t>(size));
      return value;
    }
  }

 private:
  std::string place_;
  std::string_view shown_;
};

void read_xattrs(int directory, std::string_view name, ScannedFile& file) {
  const NamedXattrs xattrs(directory, name, file.path);
  for (auto& xattr : xattrs.names()) {
    const auto prefix = std::ranges::find_if(kOverlayPrefixes, [&](auto text) { return xattr.starts_with(text); });
    if (prefix == std::end(kOverlayPrefixes)) {
      if (!belongs_in_image(xattr)) continue;
      std::string value = xattrs.value(xattr);
      file.metadata.xattrs.push_back({std::move(xattr), std::move(value)});
      continue;
    }
    const std::string_view word = std::string_view(xattr).substr(prefix->size());
    if (word == "opaque") file.opaque = xattrs.value(xattr) == "y";
    if (word == "redirect" || word == "metacopy") throw depends_on_lower(file.path, word);
  }
  std::ranges::sort(file.metadata.xattrs);
}

FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return FileType::Directory;
    case S_IFLNK: return FileType::Symlink;
    case S_IFCHR: return FileType::CharDevice;
    case S_IFBLK: return FileType::BlockDevice;
    case S_IFIFO: return FileType::Fifo;
    case S_IFSOCK: return FileType::Socket;
    default: return FileType::Regular;
  }
}

std::string read_target(int directory, const std::string& name, const ScannedFile& file) {
  std::string target(static_cast<std::size_t>(PATH_MAX), '\0');
  const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (size < 0) throw os_error(fmt::format("read the link {}", printable(file.path)));
  target.resize(static_cast<std::size_t>(size));
  return target;
}

/// `name` is "." for the upper directory itself.
ScannedFile examine(int directory, const std::string& name, std::string path, const struct stat& status) {
  ScannedFile file{.path = std::move(path), .type = type_of(status.st_mode)};
  if (file.type == FileType::CharDevice && status.st_rdev == 0) {
    file.whiteout = true;
    return file;
  }
  file.metadata.mode = status.st_mode & 07777U;
  file.metadata.uid = status.st_uid;
  file.metadata.gid = status.st_gid;
  file.metadata.mtime = {status.st_mtim.tv_sec, static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
  file.inode = status.st_ino;
  file.links = file.type == FileType::Directory ? 1 : status.st_nlink;
  read_xattrs(directory, name, file);
  if (file.type == FileType::Regular) file.size = static_cast<std::uint64_t>(status.st_size);
  if (file.type == FileType::Symlink) file.target = read_target(directory, name, file);
  if (file.type == FileType::CharDevice || file.type == FileType::BlockDevice) {
    file.device_major = major(status.st_rdev);
    file.device_minor = minor(status.st_rdev);
  }
  return file;
}

class Scan {
 public:
  Scan(const RootDir& upper, const std::vector<std::string>& skip, ThreadPool& pool)
      : upper_(upper), skip_(skip.begin(), skip.end()), tasks_(pool) {}

  std::vector<ScannedFile> run() {
    struct stat status {};
    const UniqueFd root = upper_.open("", O_RDONLY | O_DIRECTORY);
    if (::fstat(root.get(), &status) != 0) throw os_error("look at the upper directory");
    device_ = status.st_dev;
    files_.push_back(examine(root.get(), ".", "", status));
    tasks_.run([this] { read_directory(""); });
    tasks_.wait();
    std::ranges::sort(files_, [](const auto& a, const auto& b) { return compare_paths(a.path, b.path) < 0; });
    return std::move(files_);
  }

 private:
  void read_directory(const std::string& path) {
    struct Close {
      void operator()(DIR* stream) const { ::closedir(stream); }
    };
    UniqueFd fd = upper_.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const int directory = fd.get();
    const std::unique_ptr<DIR, Close> stream(::fdopendir(directory));
    if (!stream) throw os_error(fmt::format("read directory {}", printable(path)));
    (void)fd.release();
    std::vector<ScannedFile> found;
    while (const dirent* entry = next(stream.get(), path)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string full = path.empty() ? name : fmt::format("{}/{}", path, name);
      if (skip_.contains(full)) continue;
      struct stat status {};
      if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        throw os_error(fmt::format("look at {}", printable(full)));
      }
      if (status.st_dev != device_) continue;  // a mount point is no part of this tree
      found.push_back(examine(directory, name, std::move(full), status));
      if (found.back().type == FileType::Directory)
        tasks_.run([this, child = found.back().path] { read_directory(child); });
    }
    const std::lock_guard lock(mutex_);
    std::ranges::move(found, std::back_inserter(files_));
  }

  static const dirent* next(DIR* stream, const std::string& path) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr && errno != 0) throw os_error(fmt::format("read directory {}", printable(path)));
    return entry;
  }

  const RootDir& upper_;
  const std::set<std::string> skip_;
  dev_t device_ = 0;
  std::mutex mutex_;
  std::vector<ScannedFile> files_;
  TaskGroup tasks_;  // last: its destructor waits for jobs that use the rest
};

}  // namespace

std::vector<ScannedFile> scan_upper(const RootDir& upper, const std::vector<std::string>& skip, ThreadPool& pool) {
  return Scan(upper, skip, pool).run();
}

}  // namespace blueprint::layers
