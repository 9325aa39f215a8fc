#include "tests/integration/ext4/random_tree.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace blueprint::tests {
namespace fs = std::filesystem;

namespace {
void check(int result, const std::string& what) {
  if (result != 0) throw os_error(what);
}
// The entry knows its type from readdir: symlink_status() would ask for each.
bool is_directory(const fs::directory_entry& entry) { return !entry.is_symlink() && entry.is_directory(); }
bool is_file(const fs::directory_entry& entry) { return !entry.is_symlink() && entry.is_regular_file(); }
bool is_any(const fs::directory_entry&) { return true; }
}  // namespace

RandomTree::RandomTree(fs::path root, std::uint64_t seed) : root_(std::move(root)), random_(seed) {}

void RandomTree::change(int steps) {
  for (int i = 0; i < steps; ++i) step();
}

std::string RandomTree::name() {
  switch (below(8)) {
    case 0: return std::string(255, static_cast<char>('a' + below(26)));
    case 1: return "not utf-8 \xff\xfe" + std::to_string(below(100));
    case 2: return " \t\"'$" + std::to_string(below(100));
    default: return "n" + std::to_string(below(40));
  }
}

std::string RandomTree::bytes(std::size_t size) {
  std::string result(size, '\0');
  const bool compressible = below(2) == 0;
  for (char& c : result) c = static_cast<char>(compressible ? 'a' + random_() % 3 : random_());
  return result;
}

std::vector<fs::path> RandomTree::find(bool (*wanted)(const fs::directory_entry&)) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    if (wanted(entry)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const Path& a, const Path& b) { return a.native() < b.native(); });
  return found;
}

fs::path RandomTree::any_directory() {
  auto all = find(is_directory);
  all.push_back(root_);
  return all[below(all.size())];
}

// A path where nothing is, in some directory; often one that had something before.
fs::path RandomTree::new_path() {
  while (true) {
    const Path path = any_directory() / name();
    if (path.string().size() > 3500) continue;
    if (!fs::exists(fs::symlink_status(path))) return path;
  }
}

fs::path RandomTree::any_file() {
  const auto all = find(is_file);
  return all.empty() ? Path() : all[below(all.size())];
}

// Times are set, so that they depend on the seed only; nanoseconds, years after 2038 and before 1970 too.
void RandomTree::stamp(const Path& path) {
  const std::array<timespec, 2> times = {timespec{0, 0}, timespec{static_cast<time_t>(below(10000000000)) - 1000000,
                                                                  static_cast<long>(below(1000000000))}};
  check(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), "utimensat " + path.string());
}

void RandomTree::step() {
  const std::uint64_t kind = below(21);
  if (kind < 4) return make_file(new_path());
  if (kind == 4) return make_sparse_file(new_path());
  if (kind == 5 || kind == 6) {
    const Path path = new_path();
    check(::mkdir(path.c_str(), 0755), "mkdir");
    return stamp(path);
  }
  if (kind == 7) return make_special(new_path());
  if (kind == 8) return fill(any_directory());
  if (kind == 9) return thin_out(any_directory());
  if (kind <= 12) {
    const auto all = find(is_any);
    if (!all.empty()) change_metadata(all[below(all.size())]);
    return;
  }
  if (kind == 13) {
    const auto all = find(is_any);
    if (!all.empty()) fs::remove_all(all[below(all.size())]);
    return;
  }
  if (kind == 14) {  // a file becomes a directory, or a directory a file
    const auto all = find(is_any);
    if (all.empty()) return;
    const Path path = all[below(all.size())];
    const bool was_directory = is_directory(fs::directory_entry(path));
    fs::remove_all(path);
    if (was_directory) return make_file(path);
    check(::mkdir(path.c_str(), 0700), "mkdir");
    return make_file(path / name());
  }
  const Path file = any_file();
  if (file.empty()) return;
  if (kind == 15 || kind == 16) return edit_file(file);
  if (kind == 17) return check(::link(file.c_str(), new_path().c_str()), "link");
  if (kind == 18) return fs::rename(file, new_path());
  if (kind == 19) {  // the same data once more, now and then larger than what is stored where it is
    const Path copy = new_path();
    fs::copy_file(file, copy);
    return stamp(copy);
  }
  fs::remove(file);
}

void RandomTree::make_file(const Path& path) {
  constexpr std::array<std::size_t, 8> kSizes = {0, 1, 100, 4096, 4097, 60000, 131072, 700000};
  std::size_t size = kSizes[below(kSizes.size())];
  if (below(3) == 0) size = below(300000);
  const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  write_all(fd.get(), below(8) == 0 ? std::string(size, '\0') : bytes(size), "a random file");
  stamp(path);
}

void RandomTree::make_sparse_file(const Path& path) {
  const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  const std::uint64_t size = below(200) == 0 ? below(400ULL << 20) : below(4 << 20);
  check(::ftruncate(fd.get(), static_cast<off_t>(size)), "truncate");
  for (auto spots = below(12); spots > 0; --spots) {
    const std::string data = bytes(1 + below(20000));
    if (size > data.size())
      pwrite_all(fd.get(), std::as_bytes(std::span(data)), below(size - data.size()), "a sparse file");
  }
  stamp(path);
}

void RandomTree::edit_file(const Path& path) {
  const UniqueFd fd = open_file(path, O_WRONLY);
  const std::uint64_t size = fs::file_size(path);
  if (below(3) == 0) {
    check(::ftruncate(fd.get(), static_cast<off_t>(below(300000))), "truncate");
  } else {
    const std::string data = bytes(1 + below(9000));
    pwrite_all(fd.get(), std::as_bytes(std::span(data)), below(size + 1), "a random file");
  }
  stamp(path);
}

void RandomTree::make_special(const Path& path) {
  switch (below(6)) {
    case 0: check(::mknod(path.c_str(), S_IFIFO | 0600, 0), "mkfifo"); break;
    case 1: check(::mknod(path.c_str(), S_IFSOCK | 0755, 0), "mknod"); break;
    case 2: check(::mknod(path.c_str(), S_IFCHR | 0666, makedev(below(4096), below(1 << 20))), "mknod"); break;
    case 3: check(::mknod(path.c_str(), S_IFBLK | 0660, makedev(below(256), below(256))), "mknod"); break;
    case 4: check(::symlink(std::string(1 + below(59), 'x').c_str(), path.c_str()), "symlink"); break;
    default: check(::symlink(std::string(60 + below(4000), 'y').c_str(), path.c_str()), "symlink"); break;
  }
  stamp(path);
}

void RandomTree::change_metadata(const Path& path) {
  const bool is_link = fs::is_symlink(fs::symlink_status(path));
  switch (below(4)) {
    case 0:
      if (!is_link) check(::chmod(path.c_str(), static_cast<mode_t>(below(010000))), "chmod");
      break;
    case 1:
      check(::lchown(path.c_str(), static_cast<uid_t>(below(1 << 20)), static_cast<gid_t>(below(0xfffffffe))), "chown");
      break;
    case 2:
      if (!is_link) set_xattrs(path);
      break;
    default: break;
  }
  stamp(path);
}

void RandomTree::set_xattrs(const Path& path) {
  const auto set = [&](const std::string& name, const std::string& value) {
    // Where the host's file system has no such attribute, there is none to compare.
    if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) return;
  };
  const auto kind = fs::symlink_status(path).type();
  const bool may_have_user = kind == fs::file_type::regular || kind == fs::file_type::directory;
  if (may_have_user) set("user.n" + std::to_string(below(5)), bytes(below(120)));
  if (below(4) == 0) set("trusted.large", bytes(600 + below(1000)));
  if (below(3) == 0) ::lremovexattr(path.c_str(), "user.n1");
  if (kind == fs::file_type::regular && below(2) == 0) {  // cap_net_raw+ep, version 2
    set("security.capability", std::string("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
  }
  if (may_have_user && below(2) == 0) {  // user::rwx user:1234:r-x group::r-x mask::rwx other::r--
    std::string acl("\x02\0\0\0", 4);
    const auto entry = [&](std::uint16_t tag, std::uint16_t permissions, std::uint32_t id) {
      acl.append(reinterpret_cast<const char*>(&tag), 2).append(reinterpret_cast<const char*>(&permissions), 2);
      acl.append(reinterpret_cast<const char*>(&id), 4);
    };
    entry(0x01, 7, 0xffffffff);
    entry(0x02, 5, 1234);
    entry(0x04, 5, 0xffffffff);
    entry(0x10, 7, 0xffffffff);
    entry(0x20, 4, 0xffffffff);
    set(kind == fs::file_type::directory ? "system.posix_acl_default" : "system.posix_acl_access", acl);
  }
}

// Enough names for an htree, sometimes long ones so that it has many leaves.
void RandomTree::fill(const Path& directory) {
  const std::uint64_t count = below(16) == 0 ? 2500 : below(300);
  const std::string padding(below(2) == 0 ? 0 : below(200), 'p');
  const std::uint64_t first = below(10000);
  if (directory.string().size() > 3500) return;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Path path = directory / ("f" + std::to_string(first + i) + padding);
    if (fs::exists(fs::symlink_status(path))) continue;
    const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (i % 50 == 0) write_all(fd.get(), bytes(20), "a random file");
  }
}

void RandomTree::thin_out(const Path& directory) {
  std::vector<Path> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path());
  std::sort(names.begin(), names.end());
  const std::uint64_t keep_one_in = 1 + below(4);
  for (const Path& path : names) {
    if (below(keep_one_in + 1) != 0) fs::remove_all(path);
  }
}

}  // namespace blueprint::tests
