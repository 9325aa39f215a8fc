// Two digests name a layer: of the file as it is and of the tar in it. So libarchive runs twice, once as decompressor
// and once as reader of tar, with a hash before each:
//
//   file ─▶ SHA-256 (digest) ─▶ gzip or zstd ─▶ SHA-256 (diff_id) ─▶ tar ─▶ members
//
// Both streams are read to their ends, also behind the end of the archive, or the digests would not be of all bytes.

#include "layers/oci_layer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "layers/oci_errors.h"

namespace blueprint::layers {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kReserved = ".wh..wh.";  // aufs' own, which no image means
/// What one layer may unpack to: more than the file system of an image holds, and far less than a bomb.
constexpr std::uint64_t kMaxDataBytes = 64ULL << 30;
constexpr std::size_t kMaxMembers = 8'000'000;
constexpr std::size_t kMaxXattrBytes = 64 << 10;  // XATTR_SIZE_MAX of the kernel

class Hashed final : public ByteStream {
 public:
  explicit Hashed(ByteStream& inner) : inner_(inner) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t got = inner_.read(out);
    hash_.update(out.first(got));
    return got;
  }
  void drain() {
    std::vector<std::byte> buffer(1 << 16);
    while (read(buffer) > 0) {
    }
  }
  [[nodiscard]] Digest finish() { return hash_.finish(); }

 private:
  ByteStream& inner_;
  Sha256 hash_;
};

struct CloseArchive {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};

/// libarchive reading from a stream of ours. An exception of the stream goes through it and is thrown again here.
class Reader {
 public:
  Reader(ByteStream& input, std::string layer)
      : input_(input), layer_(std::move(layer)), reader_(::archive_read_new()) {
    if (!reader_) throw std::bad_alloc();
  }
  [[nodiscard]] archive* get() const { return reader_.get(); }
  void open() { check(::archive_read_open(get(), this, nullptr, &Reader::read, nullptr)); }
  /// False at the end.
  bool next(archive_entry** entry) {
    const int status = ::archive_read_next_header(get(), entry);
    if (status == ARCHIVE_EOF) return false;
    check(status);
    return true;
  }
  void check(la_ssize_t status) const {
    if (failure_) std::rethrow_exception(failure_);
    if (status >= ARCHIVE_WARN) return;
    const char* why = ::archive_error_string(get());
    throw bad_oci_layer(layer_, why == nullptr ? "it is damaged" : why);
  }
  [[nodiscard]] const std::string& layer() const { return layer_; }

 private:
  static la_ssize_t read(archive* /*reader*/, void* data, const void** buffer) noexcept {
    auto& self = *static_cast<Reader*>(data);
    try {
      *buffer = self.buffer_.data();
      return static_cast<la_ssize_t>(self.input_.read(self.buffer_));
    } catch (...) {
      self.failure_ = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }

  ByteStream& input_;
  std::string layer_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1 << 17);
  std::exception_ptr failure_;
  std::unique_ptr<archive, CloseArchive> reader_;
};

class Decompressed final : public ByteStream {
 public:
  Decompressed(ByteStream& input, const std::string& layer) : reader_(input, layer) {
    ::archive_read_support_filter_gzip(reader_.get());
    ::archive_read_support_filter_zstd(reader_.get());
    ::archive_read_support_format_raw(reader_.get());
    ::archive_read_support_format_empty(reader_.get());
    reader_.open();
    archive_entry* entry = nullptr;
    empty_ = !reader_.next(&entry);
  }
  std::size_t read(std::span<std::byte> out) override {
    if (empty_) return 0;
    const la_ssize_t got = ::archive_read_data(reader_.get(), out.data(), out.size());
    reader_.check(got);
    return static_cast<std::size_t>(got);
  }

 private:
  Reader reader_;
  bool empty_ = false;
};

bool keeps_xattr(std::string_view name) {
  for (const std::string_view foreign : {"trusted.overlay.", "user.overlay."}) {
    if (name.starts_with(foreign)) return false;
  }
  for (const std::string_view known : {"user.", "trusted.", "system.posix_acl_"}) {
    if (name.starts_with(known)) return true;
  }
  return name == "security.capability";
}

class LayerReading {
 public:
  LayerReading(ByteStream& tar, std::string layer, const fs::path& data, const std::stop_token& stop)
      : reader_(tar, std::move(layer)), data_(data), stop_(stop) {}

  std::vector<OciMember> read() {
    ::archive_read_support_format_tar(reader_.get());
    ::archive_read_support_format_empty(reader_.get());
    reader_.open();
    archive_entry* entry = nullptr;
    while (reader_.next(&entry)) {
      if (stop_.stop_requested()) throw Interrupted{};
      if (members_.size() == kMaxMembers) throw bad_oci_layer(reader_.layer(), "it has too many members");
      add(entry);
    }
    return std::move(members_);
  }

 private:
  [[nodiscard]] std::string clean(const char* name) const {
    const std::string text = name == nullptr ? "" : name;
    const auto path = clean_member_path(text);
    if (!path || !is_clean_path(*path))
      throw hostile_oci_member(reader_.layer(), text, "is no path below the root directory");
    return *path;
  }

  void add(archive_entry* entry) {
    OciMember member{.path = clean(::archive_entry_pathname(entry))};
    const std::string directory(parent_path(member.path));
    const std::string name = member.path.substr(directory.empty() ? 0 : directory.size() + 1);
    if (name == kOpaque) {
      member.kind = OciMember::Kind::Opaque;
      member.path = directory;
    } else if (member.path.starts_with(kReserved) || member.path.find("/.wh..wh.") != std::string::npos) {
      return;
    } else if (name.starts_with(kWhiteout)) {
      const std::string hidden = name.substr(kWhiteout.size());
      if (hidden.empty() || hidden == "." || hidden == "..")
        throw hostile_oci_member(reader_.layer(), member.path, "hides nothing that can be");
      member.kind = OciMember::Kind::Whiteout;
      member.path = directory.empty() ? hidden : directory + "/" + hidden;
    } else if (const char* link = ::archive_entry_hardlink(entry)) {
      if (member.path.empty()) throw hostile_oci_member(reader_.layer(), "/", "is a hard link");
      member.kind = OciMember::Kind::HardLink;
      member.target = clean(link);
    } else {
      read_file(entry, member);
    }
    members_.push_back(std::move(member));
  }

  void read_file(archive_entry* entry, OciMember& member) {
    member.metadata = metadata(entry, member.path);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR: member.type = FileType::Directory; break;
      case AE_IFLNK: member.type = FileType::Symlink; break;
      case AE_IFCHR: member.type = FileType::CharDevice; break;
      case AE_IFBLK: member.type = FileType::BlockDevice; break;
      case AE_IFIFO: member.type = FileType::Fifo; break;
      case AE_IFREG: member.type = FileType::Regular; break;
      default: throw hostile_oci_member(reader_.layer(), member.path, "is of no type that a file has");
    }
    if (member.path.empty() && member.type != FileType::Directory)
      throw hostile_oci_member(reader_.layer(), "/", "is no directory");
    if (member.type == FileType::Symlink) {
      member.metadata.mode = 0777;  // Linux knows no other
      const char* target = ::archive_entry_symlink(entry);
      member.target = target == nullptr ? "" : target;
      if (member.target.empty() || member.target.size() > 4095)
        throw hostile_oci_member(reader_.layer(), member.path, "is a symbolic link to nothing");
    }
    if (member.type == FileType::CharDevice || member.type == FileType::BlockDevice) {
      member.device_major = static_cast<std::uint32_t>(::archive_entry_rdevmajor(entry));
      member.device_minor = static_cast<std::uint32_t>(::archive_entry_rdevminor(entry));
      if (member.type == FileType::CharDevice && member.device_major == 0 && member.device_minor == 0)
        throw hostile_oci_member(reader_.layer(), member.path, "is a device that means a removed file");
    }
    if (member.type == FileType::Regular) read_data(entry, member);
  }

  [[nodiscard]] Metadata metadata(archive_entry* entry, const std::string& path) const {
    const la_int64_t uid = ::archive_entry_uid(entry);
    const la_int64_t gid = ::archive_entry_gid(entry);
    if (uid < 0 || gid < 0 || uid > UINT32_MAX || gid > UINT32_MAX)
      throw hostile_oci_member(reader_.layer(), path, "has an owner that cannot be");
    Metadata metadata{.mode = static_cast<std::uint32_t>(::archive_entry_perm(entry)) & 07777U,
                      .uid = static_cast<std::uint32_t>(uid),
                      .gid = static_cast<std::uint32_t>(gid),
                      .mtime = {.seconds = ::archive_entry_mtime(entry),
                                .nanoseconds = static_cast<std::uint32_t>(::archive_entry_mtime_nsec(entry))},
                      .xattrs = {}};
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    ::archive_entry_xattr_reset(entry);
    while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr || !keeps_xattr(name)) continue;
      if (size > kMaxXattrBytes) throw hostile_oci_member(reader_.layer(), path, "has too large an attribute");
      metadata.xattrs.push_back({name, std::string(static_cast<const char*>(value), size)});
    }
    std::sort(metadata.xattrs.begin(), metadata.xattrs.end());
    return metadata;
  }

  void read_data(archive_entry* entry, OciMember& member) {
    const la_int64_t size = ::archive_entry_size(entry);
    if (size < 0 || static_cast<std::uint64_t>(size) > kMaxDataBytes - data_bytes_)
      throw bad_oci_layer(reader_.layer(), "it unpacks to more than an image can hold");
    member.size = static_cast<std::uint64_t>(size);
    data_bytes_ += member.size;
    if (member.size == 0) return;
    const fs::path file = data_ / std::to_string(members_.size());
    const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    while (true) {
      const void* bytes = nullptr;
      std::size_t count = 0;
      la_int64_t offset = 0;
      const int status = ::archive_read_data_block(reader_.get(), &bytes, &count, &offset);
      if (status == ARCHIVE_EOF) break;
      reader_.check(status);
      if (stop_.stop_requested()) throw Interrupted{};
      if (offset < 0 || static_cast<std::uint64_t>(offset) + count > member.size)
        throw bad_oci_layer(reader_.layer(), "a file in it is longer than it says");
      pwrite_all(fd.get(), {static_cast<const std::byte*>(bytes), count}, static_cast<std::uint64_t>(offset),
                 file.string());
    }
    // A sparse file may end in a hole.
    if (::ftruncate(fd.get(), size) != 0) throw os_error("write " + file.string());
    member.data_file = file.string();
  }

  Reader reader_;
  const fs::path& data_;
  const std::stop_token& stop_;
  std::vector<OciMember> members_;
  std::uint64_t data_bytes_ = 0;
};

}  // namespace

std::vector<OciMember> read_oci_layer(const OciSource& source, const OciLayer& layer, const fs::path& data,
                                      const std::stop_token& stop) {
  const std::string name = layer.diff_id.short_hex();
  const auto file = source.open_file(layer.file);
  Hashed compressed(*file);
  Decompressed decompressed(compressed, name);
  Hashed tar(decompressed);
  auto members = LayerReading(tar, name, data, stop).read();
  tar.drain();
  compressed.drain();
  if (const Digest found = compressed.finish(); layer.digest && found != *layer.digest)
    throw wrong_oci_digest("layer " + name, *layer.digest, found);
  if (const Digest found = tar.finish(); found != layer.diff_id)
    throw wrong_oci_digest("the content of layer " + name, layer.diff_id, found);
  return members;
}

}  // namespace blueprint::layers
