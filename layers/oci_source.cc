// A directory is read through RootDir, so that a symbolic link in a layout cannot lead out of it. Of an archive only
// the headers are read at first (libarchive seeks over data); each file that is asked for is found again by its number,
// which costs a walk over headers and keeps every stream independent of the others.

#include "layers/oci_source.h"

#include <array>
#include <cerrno>
#include <map>
#include <optional>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "layers/oci_errors.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

/// Manifests, indices and configs are some KiB; a registry refuses larger ones.
constexpr std::size_t kMaxDocumentBytes = 8 << 20;
/// An image has a handful of files for each of its layers.
constexpr std::size_t kMaxMembers = 20'000;

class FileStream final : public ByteStream {
 public:
  FileStream(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  std::size_t read(std::span<std::byte> out) override {
    while (true) {
      const ssize_t got = ::read(fd_.get(), out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) throw os_error("read " + name_);
    }
  }

 private:
  UniqueFd fd_;
  std::string name_;
};

class Layout final : public OciSource {
 public:
  explicit Layout(const fs::path& path) : OciSource(path), root_(path.string()) {}

  [[nodiscard]] bool has(std::string_view name) const override {
    const UniqueFd fd = root_.try_open(name, O_PATH);
    struct stat status {};
    return fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
  }
  [[nodiscard]] std::unique_ptr<ByteStream> open_file(std::string_view name) const override {
    if (!has(name)) throw missing_oci_part(path(), name);
    return std::make_unique<FileStream>(root_.open(name, O_RDONLY | O_NONBLOCK), std::string(name));
  }

 private:
  RootDir root_;
};

struct CloseArchive {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, CloseArchive>;

/// An uncompressed tar, whose headers can be walked without reading what is between them.
ArchiveReader open_tar(const fs::path& path) {
  ArchiveReader reader(::archive_read_new());
  if (!reader) throw std::bad_alloc();
  ::archive_read_support_format_tar(reader.get());
  constexpr std::size_t kBlock = 1 << 16;
  if (::archive_read_open_filename(reader.get(), path.c_str(), kBlock) != ARCHIVE_OK)
    throw not_an_oci_image(path, ::archive_error_string(reader.get()));
  return reader;
}

/// Moves to the next member; false at the end.
bool next_member(archive* reader, archive_entry** entry, const fs::path& path) {
  const int status = ::archive_read_next_header(reader, entry);
  if (status == ARCHIVE_EOF) return false;
  if (status < ARCHIVE_WARN) {
    const char* why = ::archive_error_string(reader);
    throw not_an_oci_image(path, why == nullptr ? "it is no tar" : why);
  }
  return true;
}

class MemberStream final : public ByteStream {
 public:
  MemberStream(const fs::path& path, std::size_t number) : path_(path), reader_(open_tar(path)) {
    archive_entry* entry = nullptr;
    for (std::size_t at = 0; at <= number; ++at) {
      if (!next_member(reader_.get(), &entry, path)) throw not_an_oci_image(path, "it changed while it was read");
    }
  }
  std::size_t read(std::span<std::byte> out) override {
    const la_ssize_t got = ::archive_read_data(reader_.get(), out.data(), out.size());
    if (got < 0) throw not_an_oci_image(path_, ::archive_error_string(reader_.get()));
    return static_cast<std::size_t>(got);
  }

 private:
  fs::path path_;
  ArchiveReader reader_;
};

class Archive final : public OciSource {
 public:
  explicit Archive(const fs::path& path) : OciSource(path) {
    const ArchiveReader reader = open_tar(path);
    archive_entry* entry = nullptr;
    for (std::size_t number = 0; next_member(reader.get(), &entry, path); ++number) {
      if (number == kMaxMembers) throw not_an_oci_image(path, "it has too many members");
      const char* raw = ::archive_entry_pathname(entry);
      const auto name = raw == nullptr ? std::nullopt : clean_member_path(raw);
      if (!name) continue;  // nobody can ask for it
      Member member{.number = number};
      if (::archive_entry_filetype(entry) == AE_IFLNK && ::archive_entry_symlink(entry) != nullptr) {
        member.link = ::archive_entry_symlink(entry);
      } else if (const char* link = ::archive_entry_hardlink(entry)) {
        member.link = fmt::format("/{}", link);
      } else if (::archive_entry_filetype(entry) != AE_IFREG) {
        continue;
      }
      members_.insert_or_assign(*name, std::move(member));
    }
  }

  [[nodiscard]] bool has(std::string_view name) const override { return find(name).has_value(); }
  [[nodiscard]] std::unique_ptr<ByteStream> open_file(std::string_view name) const override {
    const auto number = find(name);
    if (!number) throw missing_oci_part(path(), name);
    return std::make_unique<MemberStream>(path(), *number);
  }

 private:
  struct Member {
    std::size_t number = 0;
    std::string link = {};  ///< old 'docker save' links a layer to the same one of another image
  };

  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    constexpr int kMostLinks = 8;
    std::string at(name);
    for (int links = 0; links <= kMostLinks; ++links) {
      const auto member = members_.find(at);
      if (member == members_.end()) return std::nullopt;
      const std::string& link = member->second.link;
      if (link.empty()) return member->second.number;
      const fs::path target =
          link.starts_with('/') ? fs::path(link).relative_path() : fs::path(at).parent_path() / link;
      at = target.lexically_normal().string();
    }
    return std::nullopt;
  }

  std::map<std::string, Member, std::less<>> members_;
};

void refuse_compressed(const fs::path& path) {
  const UniqueFd fd = blueprint::open_file(path, O_RDONLY);
  std::array<unsigned char, 6> magic{};
  const ssize_t got = ::pread(fd.get(), magic.data(), magic.size(), 0);
  const std::string_view start(reinterpret_cast<const char*>(magic.data()),
                               got < 0 ? 0 : static_cast<std::size_t>(got));
  for (const std::string_view known : {"\x1f\x8b", "\x28\xb5\x2f\xfd",
                                       "\xfd"
                                       "7zXZ",
                                       "BZh"}) {
    if (start.starts_with(known)) throw not_an_oci_image(path, "it is compressed; decompress it first");
  }
}

}  // namespace

std::unique_ptr<OciSource> OciSource::open(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw no_oci_image(path);
    throw os_error("look at " + path.string());
  }
  if (S_ISDIR(status.st_mode)) return std::make_unique<Layout>(path);
  if (!S_ISREG(status.st_mode)) throw not_an_oci_image(path, "it is neither a directory nor a file");
  refuse_compressed(path);
  return std::make_unique<Archive>(path);
}

std::string OciSource::read_document(std::string_view name) const {
  const auto stream = open_file(name);
  std::string text;
  std::array<std::byte, 1 << 16> buffer;
  while (const std::size_t got = stream->read(buffer)) {
    text.append(reinterpret_cast<const char*>(buffer.data()), got);
    if (text.size() > kMaxDocumentBytes) throw bad_oci_document(name, "it is too large");
  }
  return text;
}

}  // namespace blueprint::layers
