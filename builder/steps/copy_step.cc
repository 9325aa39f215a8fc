#include "builder/steps/copy_step.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "builder/steps/known_files.h"
#include "builder/steps/placement.h"
#include "builder/steps/root_files.h"
#include "builder/steps/unpack_archive.h"

namespace blueprint::steps {

using layers::FileType;

namespace {

bool says_owner(const recipe::CopyStep& copy) { return !copy.owner.value.empty() || !copy.group.value.empty(); }

bool is_directory(const layers::FileTree& tree, const std::string& path) {
  const auto* entry = tree.resolve(path);
  return entry != nullptr && entry->type == FileType::Directory;
}

}  // namespace

void CopyStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("to", copy_.to.value);
  record.add("owner", fmt::format("{}:{}", copy_.owner.value, copy_.group.value));
  source_->add_key_fields(record);
}

StepOutput CopyStep::apply(const StepContext& context) const {
  const bool keeps_owners = source_->owners() == FileSource::Owners::Kept;
  const auto owner = load_accounts(context).resolve(copy_.owner, copy_.group);
  const auto metadata_of = [&](const SourceFile& file, const Placement& placement) {
    auto metadata = placement.metadata(file.metadata.mode, owner);
    if (!keeps_owners) return metadata;
    metadata.mtime = std::min(file.metadata.mtime, metadata.mtime);
    metadata.xattrs = file.metadata.xattrs;
    if (!says_owner(copy_)) {
      metadata.uid = file.metadata.uid;
      metadata.gid = file.metadata.gid;
    }
    return metadata;
  };
  Placement placement(context.tree, context.epoch);
  std::string to = copy_.to.value;
  const auto& all = source_->files();
  // A single file copied to "dir/", or to what is a directory, keeps its name, as cp does.
  const bool single = all.size() == 1 && all.front().path.empty() && all.front().type != FileType::Directory;
  if (single && (to.ends_with('/') || is_directory(context.tree, to))) to += '/' + all.front().name;
  const auto& where = copy_.to.where;
  for (const auto& file : all) {
    // Copying onto "/" leaves the root directory itself alone.
    if (file.path.empty() && clean_member_path(to) == "") continue;
    const std::string place = placement.make_place(file.path.empty() ? to : to + '/' + file.path, where);
    const auto metadata = metadata_of(file, placement);
    switch (file.type) {
      case FileType::Directory: {
        // A directory that the image has already keeps its own mode and owner; so does one that is a symlink to a
        // directory there.
        const auto* existing = context.tree.resolve(place);
        if (existing == nullptr || existing->type != FileType::Directory)
          placement.put_directory(place, metadata, where);
        break;
      }
      case FileType::Symlink: placement.put_symlink(place, metadata, file.target, where); break;
      default:
        placement.put_file(place, metadata, {.size = file.size, .digest = file.data_digest, .source = file.data},
                           where);
    }
  }
  StepOutput output;
  output.changes = placement.take();
  return output;
}

ArchiveStep::ArchiveStep(recipe::CopyStep copy, std::string directory, InputDigests& digests)
    : copy_(copy),
      source_(
          [&copy] {
            copy.include.clear();  // of the members, not of the archive
            copy.exclude.clear();
            return copy;
          }(),
          std::move(directory), digests) {}

const SourceFile& ArchiveStep::archive() const {
  const auto& files = source_.files();
  if (files.size() == 1 && files.front().type == FileType::Regular) return files.front();
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe,
      .code = "R113",
      .message = fmt::format("'{}' is no archive that could be unpacked: it is {}", printable(copy_.from.value),
                             files.front().type == FileType::Symlink ? "a symbolic link" : "a directory"),
      .hints = {"copy it without 'unpack'"}};
  if (copy_.from.where.line > 0) diagnostic.where = copy_.from.where;
  throw Error(std::move(diagnostic));
}

void ArchiveStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("to", copy_.to.value);
  record.add("owner", fmt::format("{}:{}", copy_.owner.value, copy_.group.value));
  add_content_fields(record);
}

void ArchiveStep::add_content_fields(plan::KeyRecord& record) const {
  for (const auto& glob : copy_.include) record.add("include", glob);
  for (const auto& glob : copy_.exclude) record.add("exclude", glob);
  record.add("archive", archive().data_digest.to_string());
}

std::vector<SourceFile> ArchiveStep::find_files(const StepContext& context, std::optional<TempDir>& work) const {
  plan::KeyRecord key("", "unpacked files");
  key.add("kind", "unpacked files 1");
  add_content_fields(key);
  if (auto known = find_known_files(key, context)) return std::move(*known);
  work.emplace(context.store.tmp(), "unpack-");
  auto files = read_archive({.archive = std::get<layers::HostFile>(archive().data).path,
                             .data = work->path(),
                             .strip = 0,
                             .include = copy_.include,
                             .exclude = copy_.exclude,
                             .where = copy_.from.where},
                            context.stop);
  remember_files(key, files, context.store);
  return files;
}

StepOutput ArchiveStep::apply(const StepContext& context) const {
  std::optional<Accounts::Owner> owner;
  if (says_owner(copy_)) owner = load_accounts(context).resolve(copy_.owner, copy_.group);
  StepOutput output;
  const auto files = find_files(context, output.work);
  Placement placement(context.tree, context.epoch);
  place_members(files, {.to = copy_.to.value, .owner = owner, .where = copy_.from.where}, placement);
  output.changes = placement.take();
  return output;
}

}  // namespace blueprint::steps
