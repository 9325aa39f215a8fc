#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sys/stat.h>

#include "base/digest.h"
#include "base/fd.h"

// Private to the store: what its readers know of index.json.

namespace blueprint::layers {

/// What index.json said at one moment, arranged by what is asked of it.
struct IndexSnapshot {
  struct Attached {
    Digest manifest;
    std::string type;
  };
  std::unordered_set<Digest, DigestHash> listed;  ///< whatever kind of image it is
  std::vector<Digest> images;                     ///< ours, each once, in the order of the file
  std::map<std::string, Digest> tags;             ///< of ours
  std::unordered_map<Digest, std::vector<Attached>, DigestHash> attachments;  ///< by the image that they are about
};

/// Reads index.json once for all who ask while it is the same file. Thread-safe.
///
/// That it is the same is told by stat. Writers rename a new file over it, and the one that was read is kept open
/// meanwhile, so that no new file can have its inode number; size and time of modification tell of another tool that
/// writes in place.
class IndexReader {
 public:
  explicit IndexReader(std::filesystem::path root) : root_(std::move(root)) {}
  /// As the file is now. Throws Error S004 when it is not an OCI image index.
  [[nodiscard]] std::shared_ptr<const IndexSnapshot> read();

 private:
  const std::filesystem::path root_;
  std::mutex mutex_;  ///< of what is below
  UniqueFd file_;
  struct stat status_ {};
  std::shared_ptr<const IndexSnapshot> snapshot_;
};

}  // namespace blueprint::layers
