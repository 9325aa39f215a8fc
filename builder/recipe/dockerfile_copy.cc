// COPY and ADD. A copy layer of ours copies one path to one name, so each source becomes a layer of its own; whether a
// target is a directory is decided here, by Docker's rules as far as the Dockerfile tells. What an image holds is not
// known yet, so patterns of paths in one are left to the layer.

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/dockerfile_stage.h"
#include "builder/recipe/errors.h"
#include "builder/recipe/mode_change.h"

namespace blueprint::recipe::dockerfile {
namespace {

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

bool is_git(std::string_view text) {
  const std::string_view before_fragment = text.substr(0, text.find('#'));
  return text.starts_with("git@") || text.starts_with("git://") || text.starts_with("ssh://") ||
         (is_url(text) && before_fragment.ends_with(".git"));
}

bool has_wildcard(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

bool is_archive(std::string_view path) {
  for (const std::string_view end : {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"}) {
    if (path.ends_with(end)) return true;
  }
  return false;
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

std::string below(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::optional<std::uint32_t> parse_mode(std::string_view text) {
  if (text.size() < 3 || text.size() > 5) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  return mode <= 07777 ? std::optional(mode) : std::nullopt;
}

}  // namespace

struct Stage::Copying {
  bool adds = false;  ///< ADD
  Text image;         ///< of --from; empty = the build context
  Text owner;
  Text group;
  std::optional<std::uint32_t> mode;
  std::string mode_change;
  std::string checksum;
  std::optional<bool> unpack;  ///< of --unpack
  bool parents = false;        ///< names keep their directories
  std::vector<std::string> includes;
  std::vector<std::string> excludes;
  std::string target;           ///< absolute
  bool into_directory = false;  ///< the target is a directory that files go into

  /// The mode of a file that has `own` unless the instruction says otherwise.
  [[nodiscard]] std::uint32_t mode_of_new(std::uint32_t own) const {
    if (mode) return *mode;
    return mode_change.empty() ? own : apply_mode_change(mode_change, own, ModeOf::File);
  }
};

bool Stage::copy_flags(const Instruction& instruction, Copying& copying) {
  const std::size_t faults_before = scope_->faults.count();
  for (const Flag& flag : instruction.flags) {
    const SourceSpan where = at(flag.place);
    const std::string value = expanded(flag.value, where);
    if (flag.name == "chown") {
      const std::size_t colon = value.find(':');
      copying.owner = {value.substr(0, colon), where};
      if (colon != std::string::npos) copying.group = {value.substr(colon + 1), where};
      if (copying.owner.value == "root") copying.owner.value = "0";
    } else if (flag.name == "chmod") {
      copying.mode = parse_mode(value);
      if (!copying.mode) copying.mode_change = value;
      if (!copying.mode && !is_mode_change(value))
        scope_->faults.add(bad_value(where, "a mode", value, "octal digits or changes, such as 755 or u=rwX,go=rX"));
    } else if (flag.name == "from" && !copying.adds) {
      copying.image = {scope_->image_named(value, where), where};
    } else if (flag.name == "checksum" && copying.adds) {
      copying.checksum = value;
    } else if (flag.name == "exclude") {
      // Patterns of Docker begin at the top of the source.
      copying.excludes.push_back(value.starts_with('/') ? value : "/" + value);
    } else if (flag.name == "parents" && !copying.adds) {
      copying.parents = value != "false";
    } else if (flag.name == "unpack" && copying.adds) {
      copying.unpack = value != "false";
    } else if (flag.name != "link") {  // how layers are stored is our business
      unmappable(where, fmt::format("{} --{} has no counterpart here", instruction.keyword, printable(flag.name)));
    }
  }
  return scope_->faults.count() == faults_before;
}

void Stage::copy(const Instruction& instruction) {
  const std::size_t faults_before = scope_->faults.count();
  Copying copying{.adds = instruction.keyword == "ADD"};
  if (!copy_flags(instruction, copying)) return;
  std::vector<Word> words = split_at_blanks(instruction.text);
  if (instruction.words) {
    words.clear();
    for (const std::string& text : *instruction.words) words.push_back({text, 0});
  }
  if (words.size() < 2) {
    scope_->faults.add(
        malformed_dockerfile(at(instruction.place), instruction.keyword + " needs a source and a target"));
    return;
  }
  const std::string target = expanded(words.back(), instruction);
  words.pop_back();
  copying.target = absolute(target);
  copying.into_directory = target.ends_with('/') || target == "." || target.ends_with("/.") || words.size() > 1 ||
                           is_directory_in_image(copying.target);
  // What a copy makes on its way is root's.
  if (std::any_of(workdirs_to_make_.begin(), workdirs_to_make_.end(), [](const auto& it) { return !it.owner.empty(); }))
    make_workdirs();
  const std::size_t layers_before = layers_.size();
  if (!instruction.heredocs.empty()) copy_heredocs(instruction, copying);
  for (const Word& word : words) {
    if (!word.text.starts_with("<<")) copy_source(word, instruction, copying);
  }
  // `COPY package.json yarn.lock* ./` means those that are there; that none is, is no fault in BuildKit either.
  if (layers_.size() == layers_before && scope_->faults.count() == faults_before)
    return warn(at(instruction.place), instruction.keyword + " copies nothing: no source is in the build context");
  // Whatever was copied, the directories on the way are there now.
  std::string made = copying.into_directory ? copying.target : copying.target.substr(0, copying.target.rfind('/'));
  for (; !made.empty(); made.resize(made.rfind('/'))) directories_.insert(made);
  std::erase_if(workdirs_to_make_, [&](const auto& workdir) { return directories_.contains(workdir.path); });
}

void Stage::copy_source(const Word& word, const Instruction& instruction, const Copying& copying) {
  const SourceSpan where = at(instruction, word);
  const std::string source = expanded(word, instruction);
  if (copying.adds && is_git(source)) {
    return unmappable(where, "ADD of a git repository has no counterpart here",
                      "clone it in a RUN, or fetch an archive of a commit");
  }
  if (copying.adds && is_url(source)) return fetch({source, word.offset}, instruction, copying);
  if (copying.parents) return copy_with_parents(source, instruction, copying, where);
  copy_paths(source, instruction, copying, where);
}

void Stage::copy_paths(const std::string& source, const Instruction& instruction, const Copying& copying,
                       const SourceSpan& where) {
  if (!copying.image.value.empty()) return copy_from_image(source, instruction, copying, where);
  const auto path = clean_context_path(source);
  if (!path) {
    scope_->faults.add(not_in_context(where, source, "leads out of the build context", {}));
  } else if (!has_wildcard(*path)) {
    copy_path(*path, instruction, copying, where);
  } else {
    const auto found = scope_->context.matches(*path);
    Copying each = copying;
    each.into_directory = copying.into_directory || found.size() > 1;
    for (const std::string& match : found) copy_path(match, instruction, each, where);
  }
}

/// Names keep the directories that they are in: all of them, or those behind `/./`.
void Stage::copy_with_parents(const std::string& source, const Instruction& instruction, const Copying& copying,
                              const SourceSpan& where) {
  const std::size_t pivot = source.find("/./");
  const std::string top = pivot == std::string::npos ? "/" : source.substr(0, pivot + 1);
  const auto kept = clean_context_path(pivot == std::string::npos ? source : source.substr(pivot + 3));
  if (!kept) return scope_->faults.add(not_in_context(where, source, "leads out of what is copied", {}));
  Copying each = copying;
  each.into_directory = false;
  // A single path needs no search, and is missed when it is not there.
  if (!has_wildcard(*kept) && copying.excludes.empty()) {
    if (!kept->empty()) each.target = below(copying.target, *kept);
    return copy_paths(top + *kept, instruction, each, where);
  }
  if (!kept->empty()) each.includes.push_back("/" + *kept);
  copy_paths(top, instruction, each, where);
}

void Stage::copy_path(const std::string& path, const Instruction& instruction, const Copying& copying,
                      const SourceSpan& where) {
  const BuildContext::Kind kind = scope_->context.kind(path);
  if (kind == BuildContext::Kind::Missing) {
    return scope_->faults.add(not_in_context(where, path, "is not in the build context", scope_->context.beside(path)));
  }
  if (kind == BuildContext::Kind::Ignored)
    return scope_->faults.add(not_in_context(where, path, "is left out by .dockerignore", {}));
  const auto real = scope_->context.followed(path);
  if (!real) return scope_->faults.add(not_in_context(where, path, "leads out of the build context", {}));
  CopyStep step{.from = {real->empty() ? "." : "./" + *real, where},
                .to = {copying.target, where},
                .owner = copying.owner,
                .group = copying.group,
                .mode = copying.mode,
                .mode_change = copying.mode_change};
  step.unpack = copying.unpack.value_or(copying.adds && is_archive(path)) && kind == BuildContext::Kind::File;
  if (!step.unpack && step.owner.value == "0") step.owner.value.clear();
  if (step.unpack) {
    directories_.insert(copying.target);
  } else if (kind == BuildContext::Kind::Directory) {
    step.include = copying.includes;
    step.exclude = scope_->context.ignored_below(*real);
    step.exclude.insert(step.exclude.end(), copying.excludes.begin(), copying.excludes.end());
    directories_.insert(copying.target);
  } else if (std::any_of(copying.excludes.begin(), copying.excludes.end(),
                         [&](const std::string& pattern) { return matches_from_top(pattern, base_name(path)); })) {
    return;
  } else if (copying.into_directory) {
    step.to.value = below(copying.target, base_name(path));
  }
  add_layer("copy", instruction).step = std::move(step);
}

void Stage::copy_from_image(const std::string& source, const Instruction& instruction, const Copying& copying,
                            const SourceSpan& where) {
  const auto path = clean_context_path(source);
  if (!path) return scope_->faults.add(not_in_context(where, source, "leads out of the image", {}));
  CopyStep step{.from = {},
                .image = copying.image,
                .path = {"/" + *path, where},
                .to = {copying.target, where},
                .owner = copying.owner,
                .group = copying.group,
                .mode = copying.mode,
                .mode_change = copying.mode_change,
                .include = copying.includes,
                .exclude = copying.excludes};
  if (copying.into_directory && copying.target != "/") step.to.value += "/";
  add_layer("copy", instruction).step = std::move(step);
}

void Stage::copy_heredocs(const Instruction& instruction, const Copying& copying) {
  FilesStep step;
  for (const Heredoc& heredoc : instruction.heredocs) {
    const SourceSpan where = at(instruction.place);
    const Expanded content = heredoc.quoted ? Expanded{heredoc.body, {}} : expand_heredoc(heredoc.body, lookup(where));
    if (!content.fault.empty()) {
      scope_->faults.add(malformed_dockerfile(
          where, fmt::format("{}; in a heredoc whose name is quoted nothing is replaced", content.fault)));
      continue;
    }
    const std::string path = copying.into_directory ? below(copying.target, heredoc.name) : copying.target;
    step.files.push_back({.path = {path, where},
                          .content = content.text,
                          .mode = copying.mode_of_new(0644),
                          .owner = copying.owner.value == "0" ? Text{} : copying.owner,
                          .group = copying.group});
  }
  if (!step.files.empty()) add_layer("files", instruction).step = std::move(step);
}

void Stage::fetch(const Word& word, const Instruction& instruction, const Copying& copying) {
  const SourceSpan where = at(instruction, {instruction.text.substr(word.offset, word.text.size()), word.offset});
  constexpr std::string_view kPrefix = "sha256:";
  if (!copying.checksum.starts_with(kPrefix)) {
    return unmappable(where,
                      "ADD of a URL needs --checksum=sha256:…, so that the image depends on nothing but this file",
                      "'curl -L URL | sha256sum' prints the digest");
  }
  const std::string path = word.text.substr(0, word.text.find_first_of("?#"));
  const bool unpacks = copying.unpack.value_or(false);
  FetchStep step{
      .url = {word.text, where},
      .sha256 = {copying.checksum.substr(kPrefix.size()), where},
      .to = {copying.into_directory && !unpacks ? below(copying.target, base_name(path)) : copying.target, where},
      .unpack = unpacks,
      .mode = copying.mode_of_new(0600),  // as Docker does for what it downloads
      .owner = copying.owner.value == "0" ? Text{} : copying.owner};
  if (unpacks) step.mode.reset();
  if (!copying.group.value.empty())
    step.owner.value = fmt::format("{}:{}", step.owner.value.empty() ? "root" : step.owner.value, copying.group.value);
  add_layer("fetch", instruction).step = std::move(step);
}

}  // namespace blueprint::recipe::dockerfile
