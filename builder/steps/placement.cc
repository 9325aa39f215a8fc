#include "builder/steps/placement.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/root_dir.h"
#include "base/text.h"

namespace blueprint::steps {
namespace {

using layers::FileType;

Error cannot_place(const char* code, std::string message, const SourceSpan& where) {
  Diagnostic diagnostic{.kind = ErrorKind::Recipe, .code = code, .message = std::move(message)};
  if (where.line > 0) diagnostic.where = where;
  return Error(std::move(diagnostic));
}

}  // namespace

std::string Placement::make_place(std::string_view path, const SourceSpan& where) {
  const auto clean = clean_member_path(path);
  if (!clean || clean->empty()) {
    throw cannot_place("R102", fmt::format("'{}' is not a path below the root of the image", printable(path)), where);
  }
  if (!layers::is_clean_path(*clean)) {
    throw cannot_place(
        "R102", fmt::format("'{}' is longer than a file system allows: 255 bytes a name, 4095 in all", printable(path)),
        where);
  }
  const auto components = split(*clean, '/');
  std::string place;
  for (std::size_t i = 0; i + 1 < components.size(); ++i) {
    const std::string next = place.empty() ? components[i] : place + '/' + components[i];
    if (directories_.contains(next)) {
      place = next;
      continue;
    }
    const auto* entry = tree_.find(next);
    if (entry == nullptr) {
      put_directory(next, metadata(0755, {}), where);
      place = next;
      continue;
    }
    const auto* target = tree_.resolve(next);
    if (target == nullptr || target->type != FileType::Directory) {
      throw cannot_place("R102",
                         fmt::format("/{} cannot hold files: in the image it is {}", next,
                                     target == nullptr ? "a symbolic link that leads nowhere" : "not a directory"),
                         where);
    }
    place = target->path;
  }
  return place.empty() ? components.back() : place + '/' + components.back();
}

void Placement::refuse_directory(const std::string& place, const SourceSpan& where) const {
  const auto* entry = tree_.find(place);
  if ((entry != nullptr && entry->type == FileType::Directory) || directories_.contains(place)) {
    throw cannot_place("R103", fmt::format("a file cannot replace the directory /{}", printable(place)), where);
  }
}

void Placement::put_file(const std::string& place, layers::Metadata file_metadata, Data data, const SourceSpan& where) {
  refuse_directory(place, where);
  layers::PlannedChange planned;
  planned.change.path = place;
  planned.change.metadata = std::move(file_metadata);
  planned.change.size = data.size;
  planned.change.data_digest = data.digest;
  planned.source = std::move(data.source);
  changes_.push_back(std::move(planned));
}

void Placement::put_symlink(const std::string& place, layers::Metadata link_metadata, std::string target,
                            const SourceSpan& where) {
  refuse_directory(place, where);
  layers::PlannedChange planned;
  planned.change.path = place;
  planned.change.type = FileType::Symlink;
  planned.change.metadata = std::move(link_metadata);
  planned.change.target = std::move(target);
  changes_.push_back(std::move(planned));
}

void Placement::put_directory(const std::string& place, layers::Metadata directory_metadata, const SourceSpan& where) {
  if (directories_.contains(place)) return;
  const auto* entry = tree_.find(place);
  if (entry != nullptr && entry->type != FileType::Directory) {
    throw cannot_place(
        "R102", fmt::format("/{} cannot become a directory: in the image it is a file", printable(place)), where);
  }
  directories_.insert(place);
  layers::PlannedChange planned;
  planned.change.path = place;
  planned.change.type = FileType::Directory;
  planned.change.metadata = std::move(directory_metadata);
  changes_.push_back(std::move(planned));
}

layers::Metadata Placement::metadata(std::uint32_t mode, Accounts::Owner owner) const {
  return {.mode = mode, .uid = owner.uid, .gid = owner.gid, .mtime = {.seconds = epoch_}};
}

std::vector<layers::PlannedChange> Placement::take() {
  layers::sort_changes(changes_);
  directories_.clear();
  return std::exchange(changes_, {});
}

}  // namespace blueprint::steps
