#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace blueprint::test {

/// What is at a path: everything that two installations of the same packages must agree on. Owners are names, as the
/// tree's own etc/passwd and etc/group have them, because the numbers of dynamic users depend on the order of
/// configuration.
struct SnapshotEntry {
  std::string type_and_mode;
  std::string owner;
  std::string content;  ///< digest of a file's bytes, target of a link
  std::string xattrs;
  unsigned long links = 0;  ///< names of a regular file
  bool operator==(const SnapshotEntry&) const = default;
  [[nodiscard]] std::string to_string() const;
};

using TreeSnapshot = std::map<std::string, SnapshotEntry>;

/// Times are left out: whoever reads a tree clamps them. Files whose lines have no order, or hold dynamic numbers
/// (etc/passwd, etc/shells …), are compared as what they mean.
[[nodiscard]] TreeSnapshot snapshot(const std::filesystem::path& tree);

}  // namespace blueprint::test
