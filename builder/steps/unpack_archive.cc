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

Error unreadable(const UnpackRequest& request, archive* reader) {
  const char* reason = ::archive_error_string(reader);
  return unpack_error(
      "X124",
      fmt::format("the archive cannot be unpacked: {}", printable(reason == nullptr ? "unknown reason" : reason)),
      request.where);
}

ArchiveReader open_archive(const UnpackRequest& request) {
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
std::string member_name(const UnpackRequest& request, const char* name) {
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

std::string link_target(const UnpackRequest& request, archive_entry* entry, const std::string& name) {
  const char* target = ::archive_entry_symlink(entry);
  if (target == nullptr) target = ::archive_entry_symlink_utf8(entry);
  if (target != nullptr && *target != '\0') return target;
  throw unpack_error("X125", fmt::format("the archive has a symbolic link that leads nowhere: '{}'", printable(name)),
                     request.where);
}

std::uint64_t write_data(archive* reader, const fs::path& file, const UnpackRequest& request,
                         const std::stop_token& stop) {
  const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  std::uint64_t end = 0;
  while (true) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(reader, &bytes, &size, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN || offset < 0) throw unreadable(request, reader);
    if (stop.stop_requested()) throw Interrupted{};
    pwrite_all(fd.get(), {static_cast<const std::byte*>(bytes), size}, static_cast<std::uint64_t>(offset),
               file.string());
    end = std::max(end, static_cast<std::uint64_t>(offset) + size);
  }
  return end;
}

layers::Metadata metadata_of(const UnpackRequest& request, const Placement& placement, archive_entry* entry) {
  if (request.owner) return placement.metadata(::archive_entry_perm(entry) & 01777U, *request.owner);
  return placement.metadata(::archive_entry_perm(entry) & 07777U,
                            {.uid = static_cast<std::uint32_t>(::archive_entry_uid(entry)),
                             .gid = static_cast<std::uint32_t>(::archive_entry_gid(entry))});
}

struct Unpacked {
  fs::path file;
  std::uint64_t size = 0;
  layers::Metadata metadata;
};

}  // namespace

void unpack_archive(const UnpackRequest& request, Placement& placement, std::stop_token stop) {
  const ArchiveReader reader = open_archive(request);
  std::map<std::string, Unpacked>
      files;  // by name in the archive: the last one wins, as when unpacking one after the other
  std::map<std::string, std::pair<layers::Metadata, std::string>> links;
  std::map<std::string, layers::Metadata> directories;
  std::size_t count = 0;
  archive_entry* entry = nullptr;
  for (int status = 0; (status = ::archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    if (status < ARCHIVE_WARN) throw unreadable(request, reader.get());
    const std::string name = member_name(request, pathname(entry));
    if (name.empty()) continue;
    const bool excluded = std::any_of(request.exclude.begin(), request.exclude.end(),
                                      [&](const auto& glob) { return glob_match(glob, name); });
    if (excluded) continue;
    const auto metadata = metadata_of(request, placement, entry);
    links.erase(name);
    if (const char* target = ::archive_entry_hardlink(entry)) {
      const auto found = files.find(member_name(request, target));
      if (found == files.end())
        throw unpack_error("X125",
                           fmt::format("the archive links '{}' to a member that it does not have", printable(name)),
                           request.where);
      files[name] = found->second;
      continue;
    }
    files.erase(name);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR: directories[name] = metadata; break;
      case AE_IFLNK: {
        auto link = metadata;
        link.mode = 0777;
        links[name] = {std::move(link), link_target(request, entry, name)};
        break;
      }
      case AE_IFREG: {
        const fs::path file = request.data / std::to_string(count++);
        files[name] = {file, write_data(reader.get(), file, request, stop), metadata};
        break;
      }
      default:
        throw unpack_error(
            "X125",
            fmt::format("the archive has a member that is neither file, directory nor link: '{}'", printable(name)),
            request.where);
    }
  }
  for (const auto& [name, metadata] : directories)
    placement.put_directory(placement.make_place(request.to + '/' + name, request.where), metadata, request.where);
  for (const auto& [name, file] : files) {
    placement.put_file(placement.make_place(request.to + '/' + name, request.where), file.metadata,
                       {.size = file.size, .digest = {}, .source = layers::HostFile{file.file.string()}},
                       request.where);
  }
  for (const auto& [name, link] : links) {
    placement.put_symlink(placement.make_place(request.to + '/' + name, request.where), link.first, link.second,
                          request.where);
  }
}

}  // namespace blueprint::steps
