#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "base/fd.h"

namespace blueprint {

/// A directory that untrusted names are resolved in. Every path is relative to it and can never leave it: resolution is
/// done by the kernel with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), so symbolic links are followed as they
/// would be inside a chroot, and a concurrent rename cannot help.
///
/// Thread-safe: holds only a descriptor. All functions throw os_error naming the path unless said otherwise.
class RootDir {
 public:
  explicit RootDir(const std::string& path);
  /// Takes over an open directory (O_PATH will do), such as one of another mount namespace; `path` is for messages.
  RootDir(UniqueFd directory, std::string path) : fd_(std::move(directory)), path_(std::move(path)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Opens inside the root. `flags` as for open(2); O_CLOEXEC is added. Throws when the path does not resolve.
  [[nodiscard]] UniqueFd open(std::string_view path, int flags, unsigned mode = 0) const;
  /// As open, but an invalid UniqueFd with errno set instead of a throw.
  [[nodiscard]] UniqueFd try_open(std::string_view path, int flags, unsigned mode = 0) const noexcept;

  /// The directory that holds the last component of `path`, and that component. Parents that are symbolic links are
  /// followed inside the root. Throws Error S030 when the last component is "..", "." or empty.
  struct Place {
    UniqueFd directory;
    std::string name;
  };
  [[nodiscard]] Place place(std::string_view path) const;

  /// lstat; nothing when the path does not exist.
  [[nodiscard]] std::optional<struct stat> status(std::string_view path) const;
  /// The whole file; Error S031 when it is not a regular file (an archive may plant a pipe or a device).
  [[nodiscard]] std::string read_file(std::string_view path) const;
  [[nodiscard]] std::optional<std::string> read_file_if_exists(std::string_view path) const;
  /// Creates or truncates; parents must exist.
  void write_file(std::string_view path, std::string_view text, unsigned mode = 0644) const;
  /// mkdir -p with mode 0755 for what is missing.
  void make_directories(std::string_view path) const;
  /// unlink; missing is fine.
  void remove_file(std::string_view path) const;

 private:
  UniqueFd fd_;
  std::string path_;
};

/// The path of an archive member as a clean relative path: no leading '/' or './', no empty or '.' components. Nothing
/// when it contains a '..' component, a NUL, or is longer than PATH_MAX. "./" and "/" give "".
[[nodiscard]] std::optional<std::string> clean_member_path(std::string_view name);

}  // namespace blueprint
