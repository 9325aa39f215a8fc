#include "tests/support/scan_tree.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint::tests {
namespace {

using layers::FileType;
using layers::PlannedChange;

FileType type_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR: return FileType::Directory;
    case S_IFLNK: return FileType::Symlink;
    case S_IFCHR: return FileType::CharDevice;
    case S_IFBLK: return FileType::BlockDevice;
    case S_IFIFO: return FileType::Fifo;
    case S_IFSOCK: return FileType::Socket;
    default: return FileType::Regular;
  }
}

std::vector<layers::Xattr> xattrs_of(const std::string& path) {
  static thread_local std::array<char, 65536> names;
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<layers::Xattr> result;
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    static thread_local std::array<char, 65536> value;
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length >= 0) result.push_back({name, std::string(value.data(), static_cast<std::size_t>(length))});
    at += static_cast<ssize_t>(name.size()) + 1;
  }
  std::sort(result.begin(), result.end());
  return result;
}

class Scanner {
 public:
  explicit Scanner(std::string root) : root_(std::move(root)) {}

  void scan(const std::string& path) {
    const std::string host = path.empty() ? root_ : root_ + "/" + path;
    struct stat status {};
    if (::lstat(host.c_str(), &status) != 0) throw os_error("stat " + host);
    add(path, host, status);
    if (!S_ISDIR(status.st_mode)) return;
    for (const std::string& name : names_in(host)) scan(path.empty() ? name : path + "/" + name);
  }

  std::vector<PlannedChange> take() { return std::move(changes_); }

 private:
  static std::vector<std::string> names_in(const std::string& host) {
    std::vector<std::string> names;
    DIR* directory = ::opendir(host.c_str());
    if (directory == nullptr) throw os_error("open " + host);
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(directory);
    return names;
  }

  void add(const std::string& path, const std::string& host, const struct stat& status) {
    PlannedChange planned;
    layers::Change& change = planned.change;
    change.path = path;
    change.type = type_of(status);
    change.metadata = {status.st_mode & 07777U,
                       status.st_uid,
                       status.st_gid,
                       {status.st_mtim.tv_sec, static_cast<std::uint32_t>(status.st_mtim.tv_nsec)},
                       xattrs_of(host)};
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode)) {
      const auto [first, is_new] = names_.emplace(std::pair(status.st_dev, status.st_ino), path);
      if (!is_new) change.link_to = first->second;
    }
    if (S_ISLNK(status.st_mode)) {
      change.target.resize(static_cast<std::size_t>(status.st_size));
      if (::readlink(host.c_str(), change.target.data(), change.target.size()) < 0) throw os_error("read " + host);
    }
    change.device_major = major(status.st_rdev);
    change.device_minor = minor(status.st_rdev);
    if (S_ISREG(status.st_mode)) {
      change.size = static_cast<std::uint64_t>(status.st_size);
      if (change.link_to.empty() && change.size > 0) planned.source = layers::HostFile{host};
    }
    changes_.push_back(std::move(planned));
  }

  std::string root_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;
  std::vector<PlannedChange> changes_;
};

}  // namespace

std::vector<PlannedChange> scan_tree(const std::filesystem::path& directory) {
  Scanner scanner(directory.string());
  scanner.scan("");
  std::vector<PlannedChange> changes = scanner.take();
  layers::sort_changes(changes);
  return changes;
}

}  // namespace blueprint::tests
