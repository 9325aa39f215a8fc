#pragma once

#include <string>
#include <string_view>

#include "base/root_dir.h"

namespace blueprint::packages {

/// Merged /usr: /bin, /sbin and /lib* are links into /usr, while packages of Debian 12 still ship files below the short
/// names and the dpkg database keeps the shipped names. Whoever asks "the same file?" compares canonical paths.
class UsrMerge {
 public:
  /// Looks whether `root` is merged: its /bin is a symbolic link.
  explicit UsrMerge(const RootDir& root);
  /// Makes the links that every merged root of `architecture` has, and their directories, in an empty root.
  [[nodiscard]] static UsrMerge create(const RootDir& root, std::string_view architecture);

  /// "bin/ls" → "usr/bin/ls" in a merged root; "bin" itself stays.
  [[nodiscard]] std::string canonical(std::string_view path) const;
  [[nodiscard]] bool merged() const { return merged_; }
  /// Whether `path` is one of the names that are links in a merged root: "bin", "lib64" …
  [[nodiscard]] static bool is_alias(std::string_view path);

 private:
  explicit UsrMerge(bool merged) : merged_(merged) {}
  bool merged_ = false;
};

}  // namespace blueprint::packages
