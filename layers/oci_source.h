#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace blueprint::layers {

/// Bytes from the first to the last, once.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills some of `out`; 0 = there are no more. Throws os_error.
  virtual std::size_t read(std::span<std::byte> out) = 0;
};

/// The files that an OCI image consists of: a layout directory, or a tar of one (also what `docker save` writes). Names
/// never lead out of it. Immutable; thread-safe.
class OciSource {
 public:
  virtual ~OciSource() = default;
  /// Opens `path`. Throws Error O001 when there is nothing, O002 when it is neither a directory nor a plain tar.
  [[nodiscard]] static std::unique_ptr<OciSource> open(const std::filesystem::path& path);

  [[nodiscard]] virtual bool has(std::string_view name) const = 0;
  /// Throws Error O005 when it is absent or no regular file.
  [[nodiscard]] virtual std::unique_ptr<ByteStream> open_file(std::string_view name) const = 0;

  /// The whole of a document. Throws Error O005; O007 when it is larger than any document is.
  [[nodiscard]] std::string read_document(std::string_view name) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 protected:
  explicit OciSource(std::filesystem::path path) : path_(std::move(path)) {}

 private:
  std::filesystem::path path_;
};

}  // namespace blueprint::layers
