#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.h"

namespace blueprint::layers {

inline constexpr std::uint32_t kBlockSize = 4096;
/// Most bytes of uncompressed data in one frame: the unit of reading and of compression.
inline constexpr std::uint32_t kMaxFrameSize = 512 * 1024;

enum class FileType : std::uint8_t { Regular, Directory, Symlink, CharDevice, BlockDevice, Fifo, Socket };

struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  auto operator<=>(const Timestamp&) const = default;
};

struct Xattr {
  std::string name;   ///< with its namespace: "security.capability", "user.x", "system.posix_acl_access"
  std::string value;  ///< as getxattr(2) returns it
  auto operator<=>(const Xattr&) const = default;
};

/// What a name stands for, apart from its bytes.
struct Metadata {
  std::uint32_t mode = 0;  ///< permission bits, setuid, setgid and sticky: 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  Timestamp mtime;
  std::vector<Xattr> xattrs;  ///< sorted by name
  bool operator==(const Metadata&) const = default;
};

/// A run of whole blocks of a file's data. `frame` indexes the frames[] of the layer that holds the change;
/// kHole means that the blocks are a hole.
struct DataPiece {
  static constexpr std::uint32_t kHole = 0xffffffff;
  std::uint32_t frame = kHole;
  std::uint32_t first_block = 0;  ///< in the frame
  std::uint32_t blocks = 0;       ///< for a hole, any count; else within the frame
  bool operator==(const DataPiece&) const = default;
};

enum class ChangeKind : std::uint8_t {
  Put,  ///< the path is exactly this file afterwards, whatever was there (a directory put over a directory keeps its
        ///< entries)
  Metadata,  ///< the file keeps type and data; mode, owner, times and xattrs become these
  Remove,    ///< the path and all below it are gone
};

/// What one layer did to one path. Does not depend on block or inode numbers.
struct Change {
  ChangeKind kind = ChangeKind::Put;
  std::string path;  ///< clean and relative: "usr/bin/env"; "" is the root directory
  FileType type = FileType::Regular;
  Metadata metadata;
  /// Symlink: its target. A Put of a Regular file with a non-empty link_to is another name (hard link) of the file at
  /// that path, which is put earlier in the same changeset or exists in the parent; metadata and data are then those of
  /// link_to.
  std::string target;
  std::string link_to;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  /// Regular files.
  std::uint64_t size = 0;
  /// Identity of the data: for up to one frame of bytes, SHA-256 of the bytes; beyond, SHA-256 of the concatenated
  /// SHA-256s of its pieces of 512 KiB (so a large file's frames are hashed once). Holes count as zeros.
  Digest data_digest;
  std::vector<DataPiece> pieces;
  bool operator==(const Change&) const = default;
};

/// Where the bytes of a Put of a regular file come from when a layer is written.
struct HostFile {
  std::string path;  ///< opened with O_NOFOLLOW when its turn comes; its size must still be Change::size
};
struct MemoryFile {
  std::string bytes;
};
/// The data of a file that an image already has: its frames are cited, nothing is read.
struct StoredFile {
  Digest layer;      ///< digest of the layer blob whose changes[] has it
  std::string path;  ///< in that layer
};
struct NoData {};
using DataSource = std::variant<NoData, HostFile, MemoryFile, StoredFile>;

struct PlannedChange {
  Change change;  ///< size set; pieces empty, and data_digest zero unless known: the writer fills them in
  DataSource source;
};

/// The order of paths in a changeset and in a FileTree: byte order by component, so that a directory comes directly
/// before what is in it ("a", "a/b", "a-b"). Negative, zero or positive, as memcmp.
[[nodiscard]] int compare_paths(std::string_view a, std::string_view b);

/// A path as Change::path wants it: relative, without empty, "." or ".." components, NUL or a trailing '/'; components
/// of at most 255 bytes, at most 4095 together. "" is the root directory.
[[nodiscard]] bool is_clean_path(std::string_view path);

/// The directory that holds `path`: "usr" for "usr/bin"; "" for "usr" and for "".
[[nodiscard]] std::string_view parent_path(std::string_view path);

/// Sorts into the order that a changeset has: by compare_paths, and of the names of one inode the first in that order
/// holds the data: where a link_to names a later path, the two change roles (and a link to a link becomes a link to the
/// data). Throws Error L010 for two changes of one path, L012 for names that link to each other in a circle.
void sort_changes(std::vector<PlannedChange>& changes);

}  // namespace blueprint::layers
