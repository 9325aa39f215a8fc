#include "builder/rootfs/errors.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::rootfs {

Error needs_root() {
  return Error({.kind = ErrorKind::Machine,
                .code = "X001",
                .message = "layers that run commands (packages, run) need root for now",
                .hints = {"run the same command with sudo",
                          "recipes whose layers are only files, copy and fetch build without root"}});
}

Error runtime_failed(std::string_view runtime, std::string_view reason) {
  return Error({.kind = ErrorKind::Machine,
                .code = "X002",
                .message = fmt::format("{} cannot start a container: {}", runtime, printable(trim(reason))),
                .hints = {fmt::format("try it by hand: {} --version, then 'runc spec' and 'runc run' as root", runtime),
                          "inside a container, blueprint needs the privileges to make namespaces and mounts"}});
}

Error overlay_refused(const std::filesystem::path& work, int error_number) {
  Diagnostic diagnostic{.kind = ErrorKind::Machine,
                        .code = "X003",
                        .message = fmt::format("cannot mount an overlay of the parents' trees at {}: {}", work.string(),
                                               std::strerror(error_number))};
  if (error_number == ENODEV) {
    diagnostic.hints = {"the kernel has no overlayfs: modprobe overlay"};
  } else {
    diagnostic.hints = {
        "the store must be on a file system that can hold overlay upper directories, such as ext4, xfs or btrfs: not "
        "on "
        "overlayfs itself, NFS or FAT",
        "point BLUEPRINT_STORE at another file system; dmesg has the kernel's reason"};
  }
  return Error(std::move(diagnostic));
}

Error too_many_trees(std::size_t count, std::size_t limit) {
  return Error({.kind = ErrorKind::Machine,
                .code = "X004",
                .message = fmt::format("this step works on {} trees, and overlayfs stacks at most {}", count, limit),
                .hints = {"start the recipe from an image with fewer layers"}});
}

Error namespace_refused(std::string_view action, int error_number) {
  return Error({.kind = ErrorKind::Machine,
                .code = "X005",
                .message = fmt::format("cannot {}: {}", action, std::strerror(error_number)),
                .hints = {"blueprint needs CAP_SYS_ADMIN to build layers that run commands: run it with sudo, or in a "
                          "privileged container"}});
}

}  // namespace blueprint::rootfs
