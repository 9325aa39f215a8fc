#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace blueprint::packages {

/// A file of control.tar: "control", "md5sums", "postinst" …
struct ControlFile {
  std::string name;
  std::uint32_t mode = 0644;
  std::int64_t mtime = 0;
  std::string content;
};

enum class MemberType : std::uint8_t { Regular, Directory, Symlink, HardLink, Fifo };

/// A member of data.tar.
struct DataMember {
  MemberType type = MemberType::Regular;
  std::string path;    ///< clean and relative, "" is the root; never has ".."
  std::string target;  ///< symlink: verbatim; hard link: a clean relative path
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string user;  ///< empty when the archive says only numbers
  std::string group;
  std::int64_t mtime = 0;
  std::uint64_t size = 0;  ///< regular files
};

/// A .deb: an ar archive of debian-binary, control.tar and data.tar, each compressed with gzip, xz, zstd or not at all
/// (deb(5)).
///
/// The file is foreign: everything in it is checked, and faults throw Error P101 (damaged), P102 (members that no
/// package may have: outside of the root, devices) naming the package. One thread at a time.
class DebArchive {
 public:
  /// Maps the file. `package` is for messages.
  DebArchive(const std::filesystem::path& file, std::string package);
  ~DebArchive();
  DebArchive(const DebArchive&) = delete;
  DebArchive& operator=(const DebArchive&) = delete;

  [[nodiscard]] std::vector<ControlFile> read_control() const;

  /// Receives members in the order of the archive.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    /// For a regular file, data() follows until its size is reached, then end_of_data().
    virtual void member(const DataMember& member) = 0;
    virtual void data(std::span<const std::byte> bytes) = 0;
    virtual void end_of_data() = 0;
  };
  void read_data(Receiver& receiver) const;

 private:
  struct Mapping;
  [[nodiscard]] std::span<const std::byte> section(const char* prefix) const;
  std::string package_;
  std::unique_ptr<Mapping> mapping_;
  std::vector<std::pair<std::string, std::span<const std::byte>>> sections_;
};

}  // namespace blueprint::packages
