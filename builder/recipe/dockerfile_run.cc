// RUN as a run layer. Ours runs `/bin/sh -e`, Docker's `/bin/sh -c`: where that makes a difference, `set +e` takes it
// back. Docker gives commands the network, so does the layer.

#include <algorithm>
#include <initializer_list>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/dockerfile_stage.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe::dockerfile {
namespace {

// What the recipe language has.
constexpr std::uint64_t kSmallestTmpfs = 4096;
constexpr std::uint64_t kLargestTmpfs = std::uint64_t{16} << 40;

/// "type=cache,target=/x" as a map; words without '=' have an empty value.
std::map<std::string, std::string> options_of(const std::string& value) {
  std::map<std::string, std::string> options;
  for (const std::string& word : split(value, ',')) {
    const std::size_t equals = word.find('=');
    options[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return options;
}

/// Whether the whole command is one heredoc: `RUN <<EOF`.
bool is_only_heredoc(const Instruction& instruction) {
  return instruction.heredocs.size() == 1 && instruction.text.starts_with("<<") &&
         instruction.text.find_first_of(" \t") == std::string::npos;
}

/// A script that says by `#!` what runs it.
std::string with_interpreter(const Heredoc& heredoc) {
  const std::string_view first = std::string_view(heredoc.body).substr(2, heredoc.body.find('\n') - 2);
  return fmt::format("cat > /tmp/dockerfile-run <<'{0}'\n{1}{0}\n{2} /tmp/dockerfile-run", heredoc.name, heredoc.body,
                     trim(first));
}

std::string without_exit_on_error(std::string script) {
  // `a && b`, pipes and single commands end the same way with and without -e.
  const bool same = script.find_first_of(";\n&") == std::string::npos ||
                    (script.find_first_of(";\n") == std::string::npos && script.find(" & ") == std::string::npos);
  return same ? script : "set +e\n" + script;
}

}  // namespace

std::string Stage::script(const Instruction& instruction) const {
  if (instruction.words) {
    std::vector<std::string> quoted;
    for (const std::string& word : *instruction.words) quoted.push_back(shell_quote(word));
    return join(quoted, " ");
  }
  std::string text = instruction.text;
  if (is_only_heredoc(instruction)) {
    const Heredoc& heredoc = instruction.heredocs[0];
    if (heredoc.body.starts_with("#!")) return with_interpreter(heredoc);
    text = heredoc.body;
  } else if (!instruction.heredocs.empty()) {
    text += "\n" + instruction.heredoc_text;
  }
  if (shell_.empty() || shell_ == std::vector<std::string>{"/bin/sh", "-c"})
    return without_exit_on_error(std::move(text));
  std::vector<std::string> words;
  for (const std::string& word : shell_) words.push_back(shell_quote(word));
  words.push_back(shell_quote(text));
  return join(words, " ");
}

void Stage::run(const Instruction& instruction) {
  RunStep step{.host_network = true, .user = {identity(), user_.where}, .workdir = workdir_};
  for (const auto& [name, value] : variables_) {
    const auto inherited = base_.env.find(name);
    if (inherited == base_.env.end() || inherited->second != value) step.env[name] = value;
  }
  run_flags(instruction, step);
  step.script = {script(instruction), at(instruction.at(0, instruction.text.size()))};
  // What is mounted on a directory that the script makes would hide it.
  const bool mounts = !step.caches.empty() || !step.binds.empty() || !step.tmpfs.empty();
  if (!workdirs_to_make_.empty() && (mounts || !step.user.value.empty())) make_workdirs();
  if (!workdirs_to_make_.empty()) {
    // One layer instead of two: this one makes its directory itself.
    step.script.value = fmt::format("{}\ncd {}\n{}", mkdir_command(), shell_quote(workdir_), step.script.value);
    step.workdir = std::string("/");
    forget_made_workdirs();
  }
  add_layer("run", instruction).step = std::move(step);
}

std::string Stage::mkdir_command() const {
  std::vector<std::string> commands;
  for (const NewDirectory& directory : workdirs_to_make_) {
    const std::string path = shell_quote(directory.path);
    commands.push_back(directory.owner.empty() ? fmt::format("mkdir -p {}", path)
                                               : fmt::format("[ -d {0} ] || {{ mkdir -p {0}; chown {1} {0}; }}", path,
                                                             shell_quote(directory.owner)));
  }
  return join(commands, "\n");
}

void Stage::forget_made_workdirs() {
  for (const NewDirectory& directory : workdirs_to_make_) directories_.insert(directory.path);
  workdirs_to_make_.clear();
}

/// By root, whoever USER is, and then given to that user, as BuildKit does.
void Stage::make_workdirs() {
  if (workdirs_to_make_.empty()) return;
  Layer layer{.name = fmt::format("workdir-{}", ++layer_counts_["workdir"]),
              .where = at(workdirs_to_make_[0].place),
              .directory = scope_->context_directory};
  layer.step = RunStep{.script = {mkdir_command(), layer.where}, .workdir = "/", .env = env_};
  layers_.push_back(std::move(layer));
  forget_made_workdirs();
}

void Stage::run_flags(const Instruction& instruction, RunStep& step) {
  for (const Flag& written : instruction.flags) {
    Flag flag = written;
    flag.value = expanded(written.value, at(written.place));
    if (flag.name == "mount") {
      run_mount(flag, step);
    } else if (flag.name == "network" && (flag.value == "none" || flag.value == "host" || flag.value == "default")) {
      step.host_network = flag.value != "none";
    } else {
      unmappable(at(flag.place), fmt::format("RUN --{} has no counterpart here", printable(flag.name)));
    }
  }
}

/// `--mount=…` taken apart.
struct Stage::Mount {
  std::map<std::string, std::string> options;
  SourceSpan where;
  std::string target;  ///< absolute; empty when it is not said

  /// The first of `names` that is said, or empty.
  [[nodiscard]] std::string option(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (const auto found = options.find(name); found != options.end()) return found->second;
    }
    return {};
  }
  /// The first option that is none of `known`, or empty.
  [[nodiscard]] std::string other_than(std::initializer_list<std::string_view> known) const {
    for (const auto& [name, value] : options) {
      if (std::find(known.begin(), known.end(), name) == known.end()) return name;
    }
    return {};
  }
};

void Stage::run_mount(const Flag& flag, RunStep& step) {
  Mount mount{.options = options_of(flag.value), .where = at(flag.place), .target = {}};
  const std::string target = mount.option({"target", "dst", "destination"});
  if (!target.empty()) mount.target = absolute(target);
  const std::string type = mount.option({"type"});
  if (type == "secret") return mount_secret(mount, step);
  if (type == "ssh") return mount_ssh(mount, step);
  const bool is_bind = type.empty() || type == "bind";
  if (!is_bind && type != "cache" && type != "tmpfs") {
    return unmappable(mount.where, fmt::format("RUN --mount of type '{}' has no counterpart here", printable(type)),
                      "the types are bind, cache, secret, ssh and tmpfs");
  }
  if (mount.target.empty() || mount.target == "/") {
    return scope_->faults.add(malformed_dockerfile(mount.where, "a mount needs a target, which is not '/'"));
  }
  if (is_bind) {
    mount_bind(mount, step);
  } else if (type == "tmpfs") {
    mount_tmpfs(mount, step);
  } else {
    mount_cache(mount, step);
  }
}

void Stage::mount_tmpfs(const Mount& mount, RunStep& step) {
  const std::string other = mount.other_than({"type", "target", "dst", "destination", "size"});
  if (!other.empty()) {
    return unmappable(mount.where, fmt::format("a tmpfs with '{}' has no counterpart here", printable(other)));
  }
  TmpfsMount tmpfs{.path = {mount.target, mount.where}, .size_bytes = {}};
  if (const std::string size = mount.option({"size"}); !size.empty()) {
    tmpfs.size_bytes = parse_size(upper(size));
    if (!tmpfs.size_bytes || *tmpfs.size_bytes < kSmallestTmpfs || *tmpfs.size_bytes > kLargestTmpfs)
      return scope_->faults.add(bad_value(mount.where, "the size of a tmpfs", size, "one such as 64m or 2g"));
  }
  step.tmpfs.push_back(std::move(tmpfs));
}

/// Whoever runs the command may ask the agent: uid, gid and mode say nothing new. Nor does `required`: a layer that
/// names an agent needs it.
void Stage::mount_ssh(const Mount& mount, RunStep& step) {
  const std::string other = mount.other_than({"type", "id", "required", "uid", "gid", "mode"});
  if (!other.empty()) {
    return unmappable(mount.where, fmt::format("an SSH agent with '{}' has no counterpart here", printable(other)),
                      "SSH_AUTH_SOCK says where its socket is");
  }
  const std::string id = mount.option({"id"});
  step.ssh.push_back({id.empty() ? "default" : id, mount.where});
}

/// Whose it is and who may use it at a time is arranged by the layer: uid, gid, mode and sharing say nothing new.
void Stage::mount_cache(const Mount& mount, RunStep& step) {
  const std::string other =
      mount.other_than({"type", "target", "dst", "destination", "id", "sharing", "uid", "gid", "mode"});
  if (!other.empty()) {
    return unmappable(mount.where, fmt::format("a cache with '{}' has no counterpart here", printable(other)),
                      "a cache begins empty and can be written");
  }
  const std::string id = mount.option({"id"});
  step.caches.push_back({.path = {mount.target, mount.where}, .id = id.empty() ? mount.target : id});
}

void Stage::mount_bind(const Mount& mount, RunStep& step) {
  const std::string other = mount.other_than(
      {"type", "target", "dst", "destination", "source", "src", "from", "rw", "readwrite", "ro", "readonly"});
  if (!other.empty()) {
    return unmappable(mount.where, fmt::format("a bind with '{}' has no counterpart here", printable(other)));
  }
  const std::string source = mount.option({"source", "src"});
  const auto path = clean_context_path(source);
  if (!path) return scope_->faults.add(not_in_context(mount.where, source, "leads out of the build context", {}));
  CopyStep bind{.to = {mount.target, mount.where}};
  if (const std::string from = mount.option({"from"}); !from.empty()) {
    bind.image = {scope_->image_named(from, mount.where), mount.where};
    bind.path = {"/" + *path, mount.where};
    step.binds.push_back(std::move(bind));
    return;
  }
  const BuildContext::Kind kind = scope_->context.kind(*path);
  if (kind == BuildContext::Kind::Missing || kind == BuildContext::Kind::Ignored) {
    const bool missing = kind == BuildContext::Kind::Missing;
    return scope_->faults.add(not_in_context(mount.where, *path,
                                             missing ? "is not in the build context" : "is left out by .dockerignore",
                                             missing ? scope_->context.beside(*path) : std::vector<std::string>{}));
  }
  bind.from = {path->empty() ? "." : "./" + *path, mount.where};
  if (kind == BuildContext::Kind::Directory) bind.exclude = scope_->context.ignored_below(*path);
  step.binds.push_back(std::move(bind));
}

void Stage::mount_secret(const Mount& mount, RunStep& step) {
  const std::string id =
      !mount.option({"id"}).empty() ? mount.option({"id"}) : mount.target.substr(mount.target.rfind('/') + 1);
  if (!mount.target.empty() && mount.target != "/run/secrets/" + id) {
    return unmappable(mount.where,
                      fmt::format("a secret is mounted at /run/secrets/{} and nowhere else", printable(id)),
                      "leave 'target' out and read it there");
  }
  if (mount.options.contains("env")) {
    return unmappable(mount.where,
                      "a secret is a file and no variable: variables are seen by every program that the command starts",
                      fmt::format("read it from /run/secrets/{}", printable(id)));
  }
  secrets_.insert(id);
  step.secrets.push_back({id, mount.where});
}

}  // namespace blueprint::recipe::dockerfile
