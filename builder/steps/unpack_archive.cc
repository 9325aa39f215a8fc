#include "builder/steps/unpack_archive.h"

#include <algorithm>
#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "builder/steps/glob.h"
#include "layers/data_digest.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

struct CloseArchive {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};
using ArchiveReader = std::unique_ptr<archive, CloseArchive>;

Error unpack_error(const char* code, std::string message, const SourceSpan& where) {
  Diagnostic diagnostic{.kind = ErrorKind::Step, .code = code, .message = std::move(message)};
  if (where.line > 0) diagnostic.where = where;
  return Error(std::move(diagnostic));
}

Error unreadable(const ArchiveRequest& request, archive* reader) {
  const char* reason = ::archive_error_string(reader);
  return unpack_error(
      "X124",
      fmt::format("the archive cannot be unpacked: {}", printable(reason == nullptr ? "unknown reason" : reason)),
      request.where);
}

ArchiveReader open_archive(const ArchiveRequest& request) {
  ArchiveReader reader(::archive_read_new());
  if (!reader) throw std::bad_alloc();
  // By name, not "all": for some filters libarchive would run a program of the host on what was downloaded.
  for (const auto support : {::archive_read_support_filter_gzip, ::archive_read_support_filter_bzip2,
                             ::archive_read_support_filter_xz, ::archive_read_support_filter_zstd}) {
    support(reader.get());
  }
  ::archive_read_support_format_tar(reader.get());
  ::archive_read_support_format_zip(reader.get());
  constexpr std::size_t kBlock = 1 << 17;
  if (::archive_read_open_filename(reader.get(), request.archive.c_str(), kBlock) != ARCHIVE_OK)
    throw unreadable(request, reader.get());
  return reader;
}

/// Clean, without the stripped components; empty when nothing is left of it.
std::string member_name(const ArchiveRequest& request, const char* name) {
  const auto clean = name == nullptr ? std::nullopt : clean_member_path(name);
  if (!clean) {
    throw unpack_error(
        "X125", fmt::format("the archive has a member that leaves it: '{}'", printable(name == nullptr ? "" : name)),
        request.where);
  }
  std::string_view rest = *clean;
  for (std::uint32_t i = 0; i < request.strip; ++i) {
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return "";
    rest.remove_prefix(slash + 1);
  }
  return std::string(rest);
}

/// Where the bytes are UTF-8 by the archive's own word (zip), libarchive does not give them as text of the locale "C".
const char* pathname(archive_entry* entry) {
  const char* name = ::archive_entry_pathname(entry);
  return name == nullptr ? ::archive_entry_pathname_utf8(entry) : name;
}

std::string link_target(const ArchiveRequest& request, archive_entry* entry, const std::string& name) {
  const char* target = ::archive_entry_symlink(entry);
  if (target == nullptr) target = ::archive_entry_symlink_utf8(entry);
  if (target != nullptr && *target != '\0') return target;
  throw unpack_error("X125", fmt::format("the archive has a symbolic link that leads nowhere: '{}'", printable(name)),
                     request.where);
}

/// Writes the bytes of the next member to `member.data`.
void write_data(archive* reader, SourceFile& member, const ArchiveRequest& request, const std::stop_token& stop) {
  const std::string& file = std::get<layers::HostFile>(member.data).path;
  const UniqueFd fd = open_file(file, O_RDWR | O_CREAT | O_EXCL, 0600);
  while (true) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(reader, &bytes, &size, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN || offset < 0) throw unreadable(request, reader);
    if (stop.stop_requested()) throw Interrupted{};
    pwrite_all(fd.get(), {static_cast<const std::byte*>(bytes), size}, static_cast<std::uint64_t>(offset), file);
  }
  member.data_digest = layers::data_digest_of_fd(fd.get(), member.size, file);
}

SourceFile member_of(std::string name, layers::FileType type, archive_entry* entry) {
  return {.path = std::move(name),
          .name = {},
          .type = type,
          .metadata = {.mode = ::archive_entry_perm(entry) & 07777U,
                       .uid = static_cast<std::uint32_t>(::archive_entry_uid(entry)),
                       .gid = static_cast<std::uint32_t>(::archive_entry_gid(entry))}};
}

/// Of several members of one name the last one counts, as when unpacking one after the other.
class Members {
 public:
  explicit Members(const ArchiveRequest& request) : request_(request) {}

  void add(archive* reader, archive_entry* entry, std::string name, const std::stop_token& stop);
  std::vector<SourceFile> take();

 private:
  using ByName = std::map<std::string, SourceFile>;
  const ArchiveRequest& request_;
  ByName directories_;
  ByName files_;
  ByName links_;
  std::size_t count_ = 0;
};

void Members::add(archive* reader, archive_entry* entry, std::string name, const std::stop_token& stop) {
  links_.erase(name);
  if (const char* target = ::archive_entry_hardlink(entry)) {
    const auto found = files_.find(member_name(request_, target));
    if (found == files_.end())
      throw unpack_error("X125",
                         fmt::format("the archive links '{}' to a member that it does not have", printable(name)),
                         request_.where);
    SourceFile link = found->second;
    link.path = name;
    files_.insert_or_assign(std::move(name), std::move(link));
    return;
  }
  files_.erase(name);
  switch (::archive_entry_filetype(entry)) {
    case AE_IFDIR: directories_.insert_or_assign(name, member_of(name, layers::FileType::Directory, entry)); break;
    case AE_IFLNK: {
      auto link = member_of(name, layers::FileType::Symlink, entry);
      link.metadata.mode = 0777;
      link.target = link_target(request_, entry, name);
      links_.emplace(std::move(name), std::move(link));
      break;
    }
    case AE_IFREG: {
      auto file = member_of(name, layers::FileType::Regular, entry);
      file.data = layers::HostFile{(request_.data / std::to_string(count_++)).string()};
      write_data(reader, file, request_, stop);
      files_.emplace(std::move(name), std::move(file));
      break;
    }
    default:
      throw unpack_error(
          "X125",
          fmt::format("the archive has a member that is neither file, directory nor link: '{}'", printable(name)),
          request_.where);
  }
}

std::vector<SourceFile> Members::take() {
  std::vector<SourceFile> members;
  for (auto* list : {&directories_, &files_, &links_}) {
    for (auto& [name, member] : *list) members.push_back(std::move(member));
  }
  return members;
}

}  // namespace

std::vector<SourceFile> read_archive(const ArchiveRequest& request, std::stop_token stop) {
  const ArchiveReader reader = open_archive(request);
  Members members(request);
  archive_entry* entry = nullptr;
  for (int status = 0; (status = ::archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    if (status < ARCHIVE_WARN) throw unreadable(request, reader.get());
    std::string name = member_name(request, pathname(entry));
    if (name.empty()) continue;
    const bool excluded = std::any_of(request.exclude.begin(), request.exclude.end(),
                                      [&](const auto& glob) { return glob_match(glob, name); });
    if (!excluded && is_included(request.include, name)) members.add(reader.get(), entry, std::move(name), stop);
  }
  return members.take();
}

void place_members(const std::vector<SourceFile>& members, const MemberPlace& place, Placement& placement) {
  for (const auto& member : members) {
    const auto metadata = placement.metadata(
        place.owner ? member.metadata.mode & 01777U : member.metadata.mode,
        place.owner.value_or(Accounts::Owner{.uid = member.metadata.uid, .gid = member.metadata.gid}));
    const std::string path = placement.make_place(place.to + '/' + member.path, place.where);
    switch (member.type) {
      case layers::FileType::Directory: placement.put_directory(path, metadata, place.where); break;
      case layers::FileType::Symlink: placement.put_symlink(path, metadata, member.target, place.where); break;
      default:
        placement.put_file(path, metadata, {.size = member.size, .digest = member.data_digest, .source = member.data},
                           place.where);
    }
  }
}

}  // namespace blueprint::steps
