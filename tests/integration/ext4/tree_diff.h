#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "layers/changeset.h"

namespace blueprint::tests {

/// A directory as it was: every path with its metadata, and the digest of its data.
class Snapshot {
 public:
  explicit Snapshot(const std::filesystem::path& directory, std::int64_t epoch);

  /// What differs from `other`, one line a difference, at most a few; empty when nothing does. lost+found is not looked
  /// at.
  [[nodiscard]] std::vector<std::string> differences(const Snapshot& other) const;
  /// The changes that make this of `before`; data comes from the directory.
  [[nodiscard]] std::vector<layers::PlannedChange> changes_from(const Snapshot& before) const;
  /// All of it, as a Put each.
  [[nodiscard]] std::vector<layers::PlannedChange> everything() const;

 private:
  struct Entry {
    layers::PlannedChange planned;   ///< data_digest set
    std::vector<std::string> names;  ///< of the inode, sorted
  };
  [[nodiscard]] const Entry* find(const std::string& path) const;
  [[nodiscard]] bool same_file(const Entry& before, const Entry& after) const;
  std::map<std::string, Entry> entries_;
};

}  // namespace blueprint::tests
