#include "builder/steps/copy_step.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/root_dir.h"
#include "base/text.h"
#include "builder/steps/glob.h"
#include "builder/steps/placement.h"
#include "builder/steps/root_files.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
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
  for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored))
    names.push_back(entry.path().filename());
  return names;
}

}  // namespace

const std::vector<CopyStep::Input>& CopyStep::inputs() const {
  std::call_once(scanned_, [this] {
    std::string source = (fs::path(directory_) / copy_.from.value).lexically_normal().string();
    while (source.size() > 1 && source.ends_with('/')) source.pop_back();
    struct stat status {};
    if (::lstat(source.c_str(), &status) != 0) {
      const fs::path path(source);
      throw copy_error("R110", fmt::format("there is nothing to copy at '{}'", source), copy_.from.where,
                       did_you_mean(near_names(path.filename().string(), siblings(path))));
    }
    scan(source, "");
    std::sort(inputs_.begin(), inputs_.end(), [](const Input& a, const Input& b) { return a.path < b.path; });
    digests_.save();
  });
  return inputs_;
}

void CopyStep::scan(const std::string& host_path, const std::string& path) const {
  const bool excluded = !path.empty() && std::any_of(copy_.exclude.begin(), copy_.exclude.end(),
                                                     [&](const auto& glob) { return glob_match(glob, path); });
  if (excluded) return;
  struct stat status {};
  if (::lstat(host_path.c_str(), &status) != 0) throw os_error(fmt::format("look at {}", host_path));
  Input input{.path = path, .host_path = host_path};
  if (S_ISREG(status.st_mode)) {
    input.mode = copy_.mode.value_or((status.st_mode & S_IXUSR) != 0 ? 0755 : 0644);
    input.size = static_cast<std::uint64_t>(status.st_size);
    input.data_digest = digests_.file(host_path, status);
  } else if (S_ISLNK(status.st_mode)) {
    input.type = FileType::Symlink;
    input.mode = 0777;
    input.target = fs::read_symlink(host_path).string();
  } else if (S_ISDIR(status.st_mode)) {
    input.type = FileType::Directory;
    input.mode = 0755;
    for (const auto& entry : fs::directory_iterator(host_path)) {
      const std::string name = entry.path().filename().string();
      scan(entry.path().string(), path.empty() ? name : path + '/' + name);
    }
  } else {
    throw copy_error("R111",
                     fmt::format("'{}' is neither a file, a directory nor a symbolic link", printable(host_path)),
                     copy_.from.where, "leave it out with 'exclude'");
  }
  inputs_.push_back(std::move(input));
}

void CopyStep::add_key_fields(plan::KeyRecord& record) const {
  record.add("to", copy_.to.value);
  record.add("owner", fmt::format("{}:{}", copy_.owner.value, copy_.group.value));
  for (const auto& input : inputs()) {
    const std::string shown = input.path.empty() ? copy_.from.value : input.path;
    switch (input.type) {
      case FileType::Directory:
        record.add(fmt::format("directory {}", shown), fmt::format("{:04o}", input.mode));
        break;
      case FileType::Symlink: record.add(fmt::format("symlink {}", shown), input.target); break;
      default:
        record.add(fmt::format("file {}", shown),
                   fmt::format("mode {:04o} size {} {}", input.mode, input.size, input.data_digest.to_string()));
    }
  }
}

StepOutput CopyStep::apply(const StepContext& context) const {
  const auto owner = load_accounts(context).resolve(copy_.owner, copy_.group);
  Placement placement(context.tree, context.epoch);
  std::string to = copy_.to.value;
  const auto& all = inputs();
  // A single file copied to "dir/" keeps its name, as cp does.
  const bool single = all.size() == 1 && all.front().type != FileType::Directory;
  if (single && to.ends_with('/')) to += fs::path(all.front().host_path).filename().string();
  const auto& where = copy_.to.where;
  for (const auto& input : all) {
    // Copying onto "/" leaves the root directory itself alone.
    if (input.path.empty() && clean_member_path(to) == "") continue;
    const std::string place = placement.make_place(input.path.empty() ? to : to + '/' + input.path, where);
    switch (input.type) {
      case FileType::Directory: {
        // A directory that the image has already keeps its own mode and owner; so does one that is a symlink to a
        // directory there.
        const auto* existing = context.tree.resolve(place);
        if (existing == nullptr || existing->type != FileType::Directory) {
          placement.put_directory(place, placement.metadata(input.mode, owner), where);
        }
        break;
      }
      case FileType::Symlink:
        placement.put_symlink(place, placement.metadata(input.mode, owner), input.target, where);
        break;
      default:
        // The digest is known from the key: a file that an earlier build stored is cited without being read again.
        placement.put_file(
            place, placement.metadata(input.mode, owner),
            {.size = input.size, .digest = input.data_digest, .source = layers::HostFile{input.host_path}}, where);
    }
  }
  StepOutput output;
  output.changes = placement.take();
  return output;
}

}  // namespace blueprint::steps
