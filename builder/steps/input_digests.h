#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>

#include <sys/stat.h>

#include "base/digest.h"

namespace blueprint::steps {

/// Data digests of the host's input files, remembered by path, device, inode, size and times, so that a build in which
/// nothing changed reads none of them again. A file touched less than two seconds before it was hashed is not
/// remembered: it could change again within the same tick (git calls such an entry racy). Thread-safe; losing the file
/// costs only time.
class InputDigests {
 public:
  /// Loads `file` lazily; a missing or damaged one counts as empty.
  explicit InputDigests(std::filesystem::path file) : file_(std::move(file)) {}

  /// The data digest (layers/data_digest.h) of the regular file at `path`, which had `status`. Throws os_error; Error
  /// R112 when the file changed while it was read.
  [[nodiscard]] Digest file(const std::string& path, const struct stat& status);

  /// Writes what was learnt since the last save; nothing when nothing was.
  void save();

 private:
  struct Entry {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    Digest digest;
  };
  void load();

  std::filesystem::path file_;
  std::mutex mutex_;
  bool loaded_ = false;
  bool changed_ = false;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace blueprint::steps
