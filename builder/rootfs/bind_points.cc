// Making a name in a directory changes the directory's time, and so would the layer of a command that has not touched
// it. So when the name goes again, the time goes back, unless something else has changed the directory meanwhile.

#include "builder/rootfs/bind_points.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

namespace blueprint::rootfs {
namespace {

bool same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

BindPoints::BindPoints(const RootDir& root, const std::vector<RunOptions::Mount>& mounts) : root_(root) {
  for (const auto& mount : mounts) {
    struct stat status {};
    const bool has_source = !mount.source.empty();
    if (has_source && ::stat(mount.source.c_str(), &status) != 0) throw os_error("look at " + mount.source.string());
    // On what the container mounts itself the runtime makes them.
    const bool in_memory = mount.target.starts_with("/tmp/") || mount.target.starts_with("/run/") ||
                           mount.target.starts_with("/dev/") || mount.target.starts_with("/proc/");
    const bool is_directory = has_source && S_ISDIR(status.st_mode);
    const Kind kind = !has_source ? Kind::Memory : is_directory ? Kind::Directory : Kind::File;
    if (!in_memory) ensure(mount.target, kind);
  }
}

void BindPoints::ensure(const std::string& path, Kind kind) {
  if (path.empty() || path == "/") return;
  if (root_.try_open(path, O_PATH)) return;
  ensure(parent_of(path), Kind::Directory);
  make(path, kind);
}

void BindPoints::make(const std::string& path, Kind kind) {
  const auto place = root_.place(path);
  Made made{.path = path, .kind = kind, .parent = parent_of(path), .parent_before = {}, .parent_after = {}};
  struct stat after {};
  if (::fstat(place.directory.get(), &made.parent_before) != 0) throw os_error("look at " + made.parent);
  if (kind != Kind::File) {
    if (::mkdirat(place.directory.get(), place.name.c_str(), 0755) != 0) throw os_error("create " + path);
    ::fchmodat(place.directory.get(), place.name.c_str(), kind == Kind::Memory ? 01777 : 0755, 0);
  } else {
    const UniqueFd file(
        ::openat(place.directory.get(), place.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) throw os_error("create " + path);
  }
  if (::fstatat(place.directory.get(), "", &after, AT_EMPTY_PATH) == 0) made.parent_after = after.st_mtim;
  made_.push_back(std::move(made));
}

BindPoints::~BindPoints() {
  for (auto each = made_.rbegin(); each != made_.rend(); ++each) {
    const Made& made = *each;
    try {
      const auto place = root_.place(made.path);
      struct stat now {};
      const bool known = ::fstat(place.directory.get(), &now) == 0;
      const int flags = made.kind == Kind::File ? 0 : AT_REMOVEDIR;
      if (::unlinkat(place.directory.get(), place.name.c_str(), flags) != 0) continue;
      if (!known || !same(now.st_mtim, made.parent_after)) continue;
      const timespec times[2] = {made.parent_before.st_atim, made.parent_before.st_mtim};
      const UniqueFd parent = root_.open(made.parent.empty() ? "." : made.parent, O_RDONLY | O_DIRECTORY);
      ::futimens(parent.get(), times);
    } catch (const Error&) {
      // The command has removed what held it.
    }
  }
}

}  // namespace blueprint::rootfs
