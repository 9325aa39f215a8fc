// Reading .deb files: the ar container by hand, because it is sixty bytes of header and then slices of a mapped file
// can be given to libarchive without a copy; the tar inside, and its compression, by libarchive. The only user of
// libarchive for packages.
#include "builder/packages/deb_archive.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "builder/packages/install_errors.h"

namespace blueprint::packages {
namespace {

/// The largest real control.tar members are templates and md5sums of a few MiB.
constexpr std::uint64_t kMaxControlBytes = 64U << 20U;
/// No Debian package unpacks to a tenth of this; a compression bomb would.
constexpr std::uint64_t kMaxDataBytes = 64ULL << 30U;

struct ArchiveCloser {
  void operator()(archive* a) const { ::archive_read_free(a); }
};
using ArchiveReader = std::unique_ptr<archive, ArchiveCloser>;

ArchiveReader open_tar(std::span<const std::byte> bytes, const std::string& package) {
  ArchiveReader reader(::archive_read_new());
  if (!reader) throw os_error("read an archive", ENOMEM);
  // The whole list of what deb(5) allows; anything else is refused, not guessed.
  ::archive_read_support_format_tar(reader.get());
  ::archive_read_support_filter_none(reader.get());
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  if (::archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    throw damaged_package(package, ::archive_error_string(reader.get()));
  }
  return reader;
}

/// The next header; null at the end.
archive_entry* next_entry(archive* reader, const std::string& package) {
  archive_entry* entry = nullptr;
  const int result = ::archive_read_next_header(reader, &entry);
  if (result == ARCHIVE_EOF) return nullptr;
  // ARCHIVE_WARN: names that this process' locale cannot express; the bytes are there.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw damaged_package(package, ::archive_error_string(reader));
  return entry;
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

std::string clean_path(const char* name, const std::string& package) {
  auto clean = clean_member_path(text_or_empty(name));
  if (!clean) throw hostile_member(package, text_or_empty(name), "its name leads out of the root");
  return std::move(*clean);
}

DataMember to_member(archive_entry* entry, const std::string& package) {
  DataMember member;
  member.path = clean_path(::archive_entry_pathname(entry), package);
  member.mode = static_cast<std::uint32_t>(::archive_entry_perm(entry)) & 07777U;
  member.uid = static_cast<std::uint32_t>(::archive_entry_uid(entry));
  member.gid = static_cast<std::uint32_t>(::archive_entry_gid(entry));
  member.user = text_or_empty(::archive_entry_uname(entry));
  member.group = text_or_empty(::archive_entry_gname(entry));
  member.mtime = ::archive_entry_mtime(entry);
  if (const char* link = ::archive_entry_hardlink(entry); link != nullptr) {
    member.type = MemberType::HardLink;
    member.target = clean_path(link, package);
    return member;
  }
  switch (::archive_entry_filetype(entry)) {
    case AE_IFREG:
      member.type = MemberType::Regular;
      member.size = static_cast<std::uint64_t>(::archive_entry_size(entry));
      break;
    case AE_IFDIR: member.type = MemberType::Directory; break;
    case AE_IFLNK:
      member.type = MemberType::Symlink;
      member.target = text_or_empty(::archive_entry_symlink(entry));
      break;
    case AE_IFIFO: member.type = MemberType::Fifo; break;
    default: throw hostile_member(package, member.path, "device nodes and sockets are not unpacked");
  }
  if (member.path.empty() && member.type != MemberType::Directory) {
    throw hostile_member(package, "/", "the root must be a directory");
  }
  return member;
}

std::optional<std::uint64_t> decimal_field(std::string_view field) {
  field = trim(field);
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (problem != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

}  // namespace

struct DebArchive::Mapping {
  void* address = MAP_FAILED;
  std::size_t size = 0;
  ~Mapping() {
    if (address != MAP_FAILED) ::munmap(address, size);
  }
};

DebArchive::DebArchive(const std::filesystem::path& file, std::string package)
    : package_(std::move(package)), mapping_(std::make_unique<Mapping>()) {
  const UniqueFd fd = open_file(file, O_RDONLY);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw os_error("look at " + file.string());
  mapping_->size = static_cast<std::size_t>(status.st_size);
  constexpr std::string_view kMagic = "!<arch>\n";
  if (mapping_->size < kMagic.size()) throw damaged_package(package_, "it is not a .deb");
  mapping_->address = ::mmap(nullptr, mapping_->size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapping_->address == MAP_FAILED) throw os_error("map " + file.string());
  ::madvise(mapping_->address, mapping_->size, MADV_SEQUENTIAL);
  const std::string_view bytes(static_cast<const char*>(mapping_->address), mapping_->size);
  if (!bytes.starts_with(kMagic)) throw damaged_package(package_, "it is not a .deb");

  // ar(5): a header is name[16] mtime[12] uid[6] gid[6] mode[8] size[10] "`\n"; members start at even offsets.
  constexpr std::size_t kHeader = 60;
  std::size_t at = kMagic.size();
  while (at < bytes.size()) {
    if (bytes.size() - at < kHeader || bytes.substr(at + 58, 2) != "`\n") {
      throw damaged_package(package_, fmt::format("no member header at byte {}", at));
    }
    std::string_view name = trim(bytes.substr(at, 16));
    if (name.ends_with('/')) name.remove_suffix(1);
    const auto size = decimal_field(bytes.substr(at + 48, 10));
    at += kHeader;
    if (!size || *size > bytes.size() - at) throw damaged_package(package_, "it is truncated");
    sections_.emplace_back(name, std::as_bytes(std::span(bytes.data() + at, *size)));
    at += *size + (*size & 1U);
  }
  const auto version = section("debian-binary");
  if (version.size() < 4 ||
      !std::string_view(reinterpret_cast<const char*>(version.data()), version.size()).starts_with("2.")) {
    throw damaged_package(package_, "it is not of the .deb format 2");
  }
}

DebArchive::~DebArchive() = default;

std::span<const std::byte> DebArchive::section(const char* prefix) const {
  for (const auto& [name, bytes] : sections_) {
    if (name.starts_with(prefix)) return bytes;
  }
  throw damaged_package(package_, fmt::format("it has no {}", prefix));
}

std::vector<ControlFile> DebArchive::read_control() const {
  const ArchiveReader reader = open_tar(section("control.tar"), package_);
  std::vector<ControlFile> files;
  std::uint64_t total = 0;
  while (archive_entry* entry = next_entry(reader.get(), package_)) {
    if (::archive_entry_filetype(entry) != AE_IFREG || ::archive_entry_hardlink(entry) != nullptr) continue;
    ControlFile file;
    file.name = clean_path(::archive_entry_pathname(entry), package_);
    if (file.name.empty() || file.name.find('/') != std::string::npos) {
      throw hostile_member(package_, file.name, "control files have plain names");
    }
    file.mode = static_cast<std::uint32_t>(::archive_entry_perm(entry)) & 0777U;
    file.mtime = ::archive_entry_mtime(entry);
    const auto size = static_cast<std::uint64_t>(::archive_entry_size(entry));
    total += size;
    if (total > kMaxControlBytes) throw damaged_package(package_, "its control files are too large");
    file.content.resize(size);
    for (std::size_t got = 0; got < size;) {
      const auto n = ::archive_read_data(reader.get(), file.content.data() + got, size - got);
      if (n <= 0) throw damaged_package(package_, n == 0 ? "it is truncated" : ::archive_error_string(reader.get()));
      got += static_cast<std::size_t>(n);
    }
    files.push_back(std::move(file));
  }
  return files;
}

void DebArchive::read_data(Receiver& receiver) const {
  const ArchiveReader reader = open_tar(section("data.tar"), package_);
  std::uint64_t total = 0;
  while (archive_entry* entry = next_entry(reader.get(), package_)) {
    const DataMember member = to_member(entry, package_);
    receiver.member(member);
    if (member.type != MemberType::Regular) continue;
    total += member.size;
    if (total > kMaxDataBytes) throw damaged_package(package_, "it unpacks to more than 64 GiB");
    std::uint64_t got = 0;
    while (true) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int result = ::archive_read_data_block(reader.get(), &block, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) throw damaged_package(package_, ::archive_error_string(reader.get()));
      // Only a sparse member skips; dpkg does not know them, so no package has them.
      if (static_cast<std::uint64_t>(offset) != got) throw damaged_package(package_, "it has a sparse member");
      receiver.data(std::span(static_cast<const std::byte*>(block), size));
      got += size;
    }
    if (got != member.size) throw damaged_package(package_, "it is truncated");
    receiver.end_of_data();
  }
}

}  // namespace blueprint::packages
