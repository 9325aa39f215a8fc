#include "builder/steps/file_source.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/recipe/mode_change.h"
#include "builder/steps/glob.h"
#include "layers/file_reader.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
using layers::FileTree;
using layers::FileType;

namespace {

Error copy_error(const char* code, std::string message, const SourceSpan& where, std::string hint = {}) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe, .code = code, .message = std::move(message)};
  if (where.line > 0) diagnostic.where = where;
  if (!hint.empty()) diagnostic.hints.push_back(std::move(hint));
  return Error(std::move(diagnostic));
}

/// What is beside a missing source, to suggest.
std::vector<std::string> siblings(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path.has_parent_path() ? path.parent_path() : ".", ignored))
    names.push_back(entry.path().filename());
  return names;
}

bool is_excluded(const std::vector<std::string>& exclude, const std::string& path) {
  return !path.empty() &&
         std::any_of(exclude.begin(), exclude.end(), [&](const auto& glob) { return glob_match(glob, path); });
}

/// The mode of a file or directory whose source has `mode`.
std::uint32_t mode_in_copy(const recipe::CopyStep& copy, std::uint32_t mode, FileType type) {
  const bool is_directory = type == FileType::Directory;
  if (copy.mode && !is_directory) return *copy.mode;
  if (copy.mode_change.empty()) return mode;
  return recipe::apply_mode_change(copy.mode_change, mode,
                                   is_directory ? recipe::ModeOf::Directory : recipe::ModeOf::File);
}

std::string last_component(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

const std::vector<SourceFile>& FileSource::files() const {
  std::call_once(found_, [this] {
    auto found = find();
    std::sort(found.begin(), found.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    files_ = std::move(found);
  });
  return files_;
}

void FileSource::add_key_fields(plan::KeyRecord& record, const std::string& prefix) const {
  for (const auto& file : files()) {
    const std::string shown = prefix + (file.path.empty() ? name() : file.path);
    std::string more;
    if (owners() == Owners::Kept) {
      const auto& metadata = file.metadata;
      more = fmt::format(" owner {}:{} time {}.{}", metadata.uid, metadata.gid, metadata.mtime.seconds,
                         metadata.mtime.nanoseconds);
      for (const auto& xattr : metadata.xattrs) more += fmt::format(" {} {}", xattr.name, sha256(xattr.value).hex());
    }
    switch (file.type) {
      case FileType::Directory:
        record.add(fmt::format("directory {}", shown), fmt::format("{:04o}{}", file.metadata.mode, more));
        break;
      case FileType::Symlink: record.add(fmt::format("symlink {}", shown), file.target + more); break;
      default:
        record.add(fmt::format("file {}", shown), fmt::format("mode {:04o} size {} {}{}", file.metadata.mode, file.size,
                                                              file.data_digest.to_string(), more));
    }
  }
}

std::vector<SourceFile> HostFiles::find() const {
  std::string source = (fs::path(directory_) / copy_.from.value).lexically_normal().string();
  while (source.size() > 1 && source.ends_with('/')) source.pop_back();
  struct stat status {};
  if (::lstat(source.c_str(), &status) != 0) {
    const fs::path path(source);
    throw copy_error("R110", fmt::format("there is nothing to copy at '{}'", source), copy_.from.where,
                     did_you_mean(near_names(path.filename().string(), siblings(path))));
  }
  std::vector<SourceFile> found;
  scan(source, "", found);
  digests_.save();
  return found;
}

void HostFiles::scan(const std::string& host_path, const std::string& path, std::vector<SourceFile>& found) const {
  if (is_excluded(copy_.exclude, path)) return;
  struct stat status {};
  if (::lstat(host_path.c_str(), &status) != 0) throw os_error(fmt::format("look at {}", host_path));
  const bool included = path.empty() || is_included(copy_.include, path);
  if (!included && !S_ISDIR(status.st_mode)) return;
  SourceFile file{.path = path, .name = last_component(host_path)};
  if (S_ISREG(status.st_mode)) {
    file.metadata.mode = mode_in_copy(copy_, (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644, file.type);
    file.size = static_cast<std::uint64_t>(status.st_size);
    // The digest is known from the key: a file that an earlier build stored is cited without being read again.
    file.data_digest = digests_.file(host_path, status);
    file.data = layers::HostFile{host_path};
  } else if (S_ISLNK(status.st_mode)) {
    file.type = FileType::Symlink;
    file.metadata.mode = 0777;
    file.target = fs::read_symlink(host_path).string();
  } else if (S_ISDIR(status.st_mode)) {
    file.type = FileType::Directory;
    file.metadata.mode = mode_in_copy(copy_, 0755, file.type);
    const std::size_t before = found.size();
    for (const auto& entry : fs::directory_iterator(host_path)) {
      const std::string name = entry.path().filename().string();
      scan(entry.path().string(), path.empty() ? name : path + '/' + name, found);
    }
    if (!included && found.size() == before) return;  // nothing in it is copied
  } else {
    throw copy_error("R111",
                     fmt::format("'{}' is neither a file, a directory nor a symbolic link", printable(host_path)),
                     copy_.from.where, "leave it out with 'exclude'");
  }
  found.push_back(std::move(file));
}

/// What the path, which may be a pattern, means in the image: in path order.
std::vector<const FileTree::Entry*> ImageFiles::matches() const {
  const FileTree& tree = image_->tree();
  std::vector<const FileTree::Entry*> places{tree.find("")};
  for (const std::string& component : split(copy_.path.value, '/')) {
    if (component.empty()) continue;
    const bool is_pattern = component.find_first_of("*?[\\") != std::string::npos;
    std::vector<const FileTree::Entry*> deeper;
    for (const auto* place : places) {
      const auto join_to = [&](const std::string& name) {
        return place->path.empty() ? name : place->path + '/' + name;
      };
      const auto take = [&](const std::string& name) {
        if (const auto* entry = tree.resolve(join_to(name))) deeper.push_back(entry);
      };
      if (!is_pattern) {
        take(component);
        continue;
      }
      for (const auto* child : tree.list(place->path)) {
        const std::string name = last_component(child->path);
        if (::fnmatch(component.c_str(), name.c_str(), 0) == 0) take(name);
      }
    }
    places = std::move(deeper);
  }
  return places;
}

std::vector<SourceFile> ImageFiles::find() const {
  const auto places = matches();
  if (places.empty()) {
    const FileTree& tree = image_->tree();
    const std::string& path = copy_.path.value;
    std::vector<std::string> beside;
    if (const auto* directory = tree.resolve(path.substr(0, path.rfind('/')))) {
      for (const auto* child : tree.list(directory->path)) beside.push_back(last_component(child->path));
    }
    throw copy_error(
        "R110", fmt::format("there is nothing to copy at '{}' of the image '{}'", printable(path), copy_.image.value),
        copy_.path.where, did_you_mean(near_names(last_component(path), beside)));
  }
  std::vector<SourceFile> found;
  for (const auto* place : places) {
    const bool alone = places.size() == 1 || place->type == FileType::Directory;
    add(*place, alone ? "" : last_component(place->path), found);
  }
  // Of two directories that have the same name in them, the later one wins, as when copying one after the other.
  std::map<std::string, SourceFile> last;
  for (auto& file : found) last.insert_or_assign(file.path, std::move(file));
  found.clear();
  for (auto& [path, file] : last) found.push_back(std::move(file));
  return found;
}

void ImageFiles::add(const FileTree::Entry& entry, const std::string& path, std::vector<SourceFile>& found) const {
  if (is_excluded(copy_.exclude, path)) return;
  const bool included = path.empty() || is_included(copy_.include, path);
  if (!included && entry.type != FileType::Directory) return;
  const std::size_t before = found.size();
  SourceFile file{.path = path,
                  .name = last_component(entry.path),
                  .type = entry.type,
                  .metadata = entry.metadata,
                  .size = entry.size,
                  .target = entry.target,
                  .data_digest = entry.data_digest,
                  .data = {}};
  switch (entry.type) {
    case FileType::Regular:
      file.metadata.mode = mode_in_copy(copy_, file.metadata.mode, file.type);
      file.data = layers::StoredFile{image_->record().layers.at(entry.data_layer).digest, entry.data_path};
      break;
    case FileType::Symlink: break;
    case FileType::Directory:
      file.metadata.mode = mode_in_copy(copy_, file.metadata.mode, file.type);
      for (const auto* child : image_->tree().list(entry.path)) {
        const std::string name = last_component(child->path);
        add(*child, path.empty() ? name : path + '/' + name, found);
      }
      if (!included && found.size() == before) return;  // nothing in it is copied
      break;
    default:
      throw copy_error("R111",
                       fmt::format("'/{}' of the image '{}' is neither a file, a directory nor a symbolic link",
                                   printable(entry.path), copy_.image.value),
                       copy_.path.where, "leave it out with 'exclude'");
  }
  found.push_back(std::move(file));
}

namespace {

void write_data(const SourceFile& file, const layers::Store& store, const fs::path& place) {
  if (const auto* host = std::get_if<layers::HostFile>(&file.data)) {
    fs::copy_file(host->path, place);
    return;
  }
  const UniqueFd fd = open_file(place, O_WRONLY | O_CREAT | O_EXCL, 0600);
  const auto* stored = std::get_if<layers::StoredFile>(&file.data);
  if (stored == nullptr || file.size == 0) return;
  // The layer alone: a Put has all of its file's data.
  const std::vector<layers::LayerRef> layers{{.digest = stored->layer}};
  FileTree::Entry entry;
  entry.path = entry.data_path = stored->path;
  entry.size = file.size;
  layers::FileReader(store, layers).read(entry, [&](std::span<const std::byte> bytes) {
    write_all(fd.get(), bytes, place.string());
  });
}

}  // namespace

void write_files(const FileSource& source, const layers::Store& store, const fs::path& place, std::int64_t epoch) {
  const timespec times[2] = {{.tv_sec = epoch, .tv_nsec = 0}, {.tv_sec = epoch, .tv_nsec = 0}};
  std::vector<fs::path> directories;
  for (const auto& file : source.files()) {
    const fs::path path = file.path.empty() ? place : place / file.path;
    // A pattern may have matched files without the directory that holds them.
    if (!file.path.empty()) fs::create_directories(path.parent_path());
    if (file.type == FileType::Directory) {
      fs::create_directories(path);
      if (::chmod(path.c_str(), file.metadata.mode & 0777U) != 0) throw os_error("set the mode of " + path.string());
      directories.push_back(path);
      continue;
    }
    if (file.type == FileType::Symlink) {
      if (::symlink(file.target.c_str(), path.c_str()) != 0) throw os_error("create " + path.string());
    } else {
      write_data(file, store, path);
      if (::chmod(path.c_str(), file.metadata.mode & 0777U) != 0) throw os_error("set the mode of " + path.string());
    }
    ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  for (const auto& directory : directories) ::utimensat(AT_FDCWD, directory.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

}  // namespace blueprint::steps
