#include "base/root_dir.h"

#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace blueprint {
namespace {

Error bad_path(std::string_view path) {
  return Error({.kind = ErrorKind::Store,
                .code = "S030",
                .message = fmt::format("'{}' does not name a file inside the root", printable(path))});
}

Error not_a_file(const std::string& root, std::string_view path) {
  return Error({.kind = ErrorKind::Store,
                .code = "S031",
                .message = fmt::format("{}/{} is not a regular file", root, printable(path))});
}

}  // namespace

RootDir::RootDir(const std::string& path) : fd_(open_file(path, O_PATH | O_DIRECTORY)), path_(path) {}

UniqueFd RootDir::try_open(std::string_view path, int flags, unsigned mode) const noexcept {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (path.empty()) path = ".";
  if (path.find('\0') != std::string_view::npos) {
    errno = EINVAL;
    return UniqueFd();
  }
  char name[PATH_MAX];
  if (path.size() >= sizeof(name)) {
    errno = ENAMETOOLONG;
    return UniqueFd();
  }
  path.copy(name, path.size());
  name[path.size()] = '\0';
  while (true) {
    const long fd = ::syscall(SYS_openat2, fd_.get(), name, &how, sizeof(how));
    // EAGAIN: a concurrent rename made the kernel unsure that the path stayed inside; asking again is the documented
    // answer.
    if (fd < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    return UniqueFd(static_cast<int>(fd));
  }
}

UniqueFd RootDir::open(std::string_view path, int flags, unsigned mode) const {
  UniqueFd fd = try_open(path, flags, mode);
  if (!fd) throw os_error(fmt::format("open {}/{}", path_, printable(path)));
  return fd;
}

RootDir::Place RootDir::place(std::string_view path) const {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? "" : path.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string_view::npos) throw bad_path(path);
  return {open(parent, O_PATH | O_DIRECTORY), std::string(name)};
}

std::optional<struct stat> RootDir::status(std::string_view path) const {
  struct stat status {};
  const UniqueFd fd = try_open(path, O_PATH | O_NOFOLLOW);
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw os_error(fmt::format("look at {}/{}", path_, printable(path)));
  }
  if (::fstat(fd.get(), &status) != 0) throw os_error(fmt::format("look at {}/{}", path_, printable(path)));
  return status;
}

std::optional<std::string> RootDir::read_file_if_exists(std::string_view path) const {
  // A planted pipe must not make us wait, nor a planted device be read.
  const UniqueFd fd = try_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw os_error(fmt::format("open {}/{}", path_, printable(path)));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) throw not_a_file(path_, path);
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error(fmt::format("read {}/{}", path_, printable(path)));
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string RootDir::read_file(std::string_view path) const {
  auto text = read_file_if_exists(path);
  if (!text) throw os_error(fmt::format("open {}/{}", path_, printable(path)), ENOENT);
  return std::move(*text);
}

void RootDir::write_file(std::string_view path, std::string_view text, unsigned mode) const {
  const UniqueFd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  // open(2) applies the umask; the caller's mode is meant exactly.
  if (::fchmod(fd.get(), mode) != 0) throw os_error(fmt::format("set the mode of {}/{}", path_, printable(path)));
  write_all(fd.get(), text, fmt::format("{}/{}", path_, printable(path)));
}

void RootDir::make_directories(std::string_view path) const {
  const auto clean = clean_member_path(path);
  if (!clean) throw bad_path(path);
  if (clean->empty()) return;
  std::string so_far;
  for (const auto& component : split(*clean, '/')) {
    if (!so_far.empty()) so_far += '/';
    so_far += component;
    if (try_open(so_far, O_PATH | O_DIRECTORY)) continue;
    if (errno != ENOENT) throw os_error(fmt::format("open {}/{}", path_, printable(so_far)));
    const Place parent = place(so_far);
    if (::mkdirat(parent.directory.get(), parent.name.c_str(), 0755) != 0) {
      // EEXIST: somebody else made it just now; or a dangling link has the name, which is not a directory.
      const int error_number = errno;
      if (error_number == EEXIST && try_open(so_far, O_PATH | O_DIRECTORY)) continue;
      throw os_error(fmt::format("create {}/{}", path_, printable(so_far)), error_number);
    }
    // mkdir(2) applies the umask. Through a descriptor: fchmodat(2) would follow a link that took the name meanwhile.
    const UniqueFd made(
        ::openat(parent.directory.get(), parent.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made || ::fchmod(made.get(), 0755) != 0) throw os_error(fmt::format("create {}/{}", path_, printable(so_far)));
  }
}

void RootDir::remove_file(std::string_view path) const {
  UniqueFd parent;
  const std::size_t slash = path.rfind('/');
  const std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  parent = try_open(slash == std::string_view::npos ? "" : path.substr(0, slash), O_PATH | O_DIRECTORY);
  if (!parent && (errno == ENOENT || errno == ENOTDIR)) return;
  if (name.find('\0') != std::string::npos) throw os_error(fmt::format("remove {}/{}", path_, printable(path)), EINVAL);
  if (!parent || (::unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT)) {
    throw os_error(fmt::format("remove {}/{}", path_, printable(path)));
  }
}

std::optional<std::string> clean_member_path(std::string_view name) {
  if (name.size() >= PATH_MAX || name.find('\0') != std::string_view::npos) return std::nullopt;
  std::string clean;
  for (std::size_t start = 0; start <= name.size();) {
    std::size_t end = name.find('/', start);
    if (end == std::string_view::npos) end = name.size();
    const std::string_view component = name.substr(start, end - start);
    start = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..") return std::nullopt;
    if (!clean.empty()) clean += '/';
    clean += component;
  }
  return clean;
}

}  // namespace blueprint
