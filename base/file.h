#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace blueprint {

/// The whole file as bytes in a string; throws os_error.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
/// Nothing when the file does not exist; throws os_error for any other failure.
[[nodiscard]] std::optional<std::string> read_file_if_exists(const std::filesystem::path& path);

/// Opens with O_CLOEXEC; throws os_error naming the path.
[[nodiscard]] UniqueFd open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);

/// Writes all of `bytes`, whatever the number of system calls; throws os_error("write " + what).
void write_all(int fd, std::span<const std::byte> bytes, std::string_view what);
void write_all(int fd, std::string_view text, std::string_view what);
void pwrite_all(int fd, std::span<const std::byte> bytes, std::uint64_t offset, std::string_view what);
/// Reads exactly `bytes.size()` bytes at `offset`; throws os_error, or Error S021 when the file is shorter.
void pread_all(int fd, std::span<std::byte> bytes, std::uint64_t offset, std::string_view what);

enum class Durable { No, Yes };

/// A file that appears under its name complete or not at all.
///
/// Written under a temporary name in the directory of `path`; commit() makes it durable (fsync of file and directory
/// unless Durable::No) and renames it over `path`. The destructor never commits: it removes the temporary file.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path, unsigned mode = 0644);
  ~AtomicFile();
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  void write(std::string_view text);
  void commit(Durable durable = Durable::Yes);

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  UniqueFd fd_;
};

/// write + commit.
void write_file_atomic(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);

/// A directory `parent/prefixXXXXXX` that is removed, with all in it, when the object goes, unless keep() was called.
class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& parent = std::filesystem::temp_directory_path(),
                   std::string_view prefix = "blueprint-");
  ~TempDir();
  TempDir(TempDir&&) noexcept;
  TempDir& operator=(TempDir&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Stops owning the directory.
  std::filesystem::path keep();

 private:
  std::filesystem::path path_;
};

/// Removes a tree without following symbolic links; makes directories writable on the way. Missing is fine; other
/// failures throw os_error. Crosses no mount point.
void remove_tree(const std::filesystem::path& path);

/// An advisory lock (flock) on a file, created when missing; released on destruction or when the process dies.
class FileLock {
 public:
  enum class Mode { Shared, Exclusive };
  /// Waits for the lock.
  FileLock(const std::filesystem::path& path, Mode mode);
  /// Nothing when somebody else holds it.
  [[nodiscard]] static std::optional<FileLock> try_lock(const std::filesystem::path& path, Mode mode);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Makes the directory entry changes of `directory` durable.
void sync_directory(const std::filesystem::path& directory);

}  // namespace blueprint
