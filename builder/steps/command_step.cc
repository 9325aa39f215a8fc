// How a step that runs programs becomes a layer: overlay the parents' trees with an empty upper directory, run,
// unmount, compare the upper directory with the parents' files, and keep it as the layer's own tree for the steps after
// it. Only the upper directory is ever looked at, never the whole root: the cost is that of the change.

#include "builder/steps/command_step.h"

#include <array>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/root_dir.h"
#include "base/text.h"
#include "builder/packages/normalise.h"
#include "builder/steps/failed_root.h"
#include "builder/steps/output_tail.h"
#include "layers/layer_writer.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

/// What programs leave behind that depends on the machine or the moment and that nobody reads: caches of device and
/// inode numbers, the previous version of account files, lock files.
constexpr std::array kNeverKept = {"var/cache/ldconfig/aux-cache",
                                   "etc/passwd-",
                                   "etc/group-",
                                   "etc/shadow-",
                                   "etc/gshadow-",
                                   "etc/subuid-",
                                   "etc/subgid-",
                                   "etc/.pwd.lock"};

void keep_for_shell(const StepContext& context, const rootfs::BuildRoot::Options& options, const Error& failure,
                    TempDir work) {
  FailedRoot failed{.work = {},
                    .lower = options.lower,
                    .epoch = options.epoch,
                    .recipe = context.recipe,
                    .stage = context.stage,
                    .command = failure.first().message};
  if (const auto* command = dynamic_cast<const CommandFailed*>(&failure)) {
    failed.command = command->command();
    failed.environment = command->options().environment;
    failed.workdir = command->options().workdir;
    failed.uid = command->options().uid;
    failed.gid = command->options().gid;
  }
  keep_failed_root(context.store, std::move(failed), std::move(work));
}

layers::Timestamp mtime_of(const struct stat& status) {
  return {.seconds = status.st_mtim.tv_sec, .nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
}

/// What a file of `directory` that is written now would have as its time.
layers::Timestamp clock_of(const fs::path& directory) {
  const TempDir mark(directory, "clock-");
  struct stat status {};
  if (::stat(mark.path().c_str(), &status) != 0) throw os_error(fmt::format("look at {}", mark.path().string()));
  return mtime_of(status);
}

/// The tools of the shadow package take no SOURCE_DATE_EPOCH that is later than the clock: where the clock is before
/// it, the day on which they set a password is that of the clock.
void set_password_days(const RootDir& upper, const layers::Timestamp& began, const layers::Timestamp& ended,
                       std::int64_t epoch) {
  constexpr std::int64_t kDay = 86400;
  if (ended.seconds >= epoch) return;
  packages::replace_password_days(upper, began.seconds / kDay, ended.seconds / kDay, epoch / kDay);
}

}  // namespace

StepOutput CommandStep::apply(const StepContext& context) const {
  StepOutput output;
  output.work.emplace(context.store.tmp(), "step-");
  const rootfs::BuildRoot::Options options{
      .lower = ensure_trees(context.store, context.parent, context.pool, context.events),
      .work = output.work->path(),
      .epoch = context.epoch};
  output.times = {.epoch = context.epoch};
  const layers::Timestamp began = clock_of(output.work->path());
  {
    rootfs::BuildRoot root(options);
    try {
      work(root, context);
    } catch (Error& failure) {
      if (failure.first().kind != ErrorKind::Step) throw;
      root.close();
      keep_for_shell(context, options, failure, std::move(*output.work));
      failure.add_hint("look around in its root with: blueprint shell --failed");
      throw;
    }
    root.close();
    output.upper = root.upper();
  }
  const RootDir upper(output.upper.string());
  for (const char* path : kNeverKept) upper.remove_file(path);
  set_password_days(upper, began, clock_of(output.work->path()), context.epoch);
  output.times.ran = {.began = began, .ended = clock_of(output.work->path())};
  output.changes = layers::diff_upper(output.upper.string(), context.tree, output.times, {}, context.pool);
  return output;
}

void run_command(rootfs::BuildRoot& root, const StepContext& context, const rootfs::RunOptions& options,
                 std::string_view what) {
  OutputTail tail;
  const ExitStatus status = root.run(
      options,
      [&](std::string_view chunk) {
        tail.add(chunk);
        context.events.output(context.stage, chunk);
      },
      context.stop);
  if (status.success()) return;
  const std::string first_line(what.substr(0, what.find('\n')));
  Diagnostic diagnostic{
      .kind = ErrorKind::Step,
      .code = "X100",
      .message = fmt::format("a command of layer '{}' failed with {}", context.stage, status.to_string())};
  diagnostic.context.push_back(
      fmt::format("command: {}", printable(first_line.size() < what.size() ? first_line + " …" : first_line)));
  const auto lines = tail.lines();
  if (!lines.empty())
    diagnostic.context.push_back(
        fmt::format("its last {} of output:", lines.size() == 1 ? "line" : fmt::format("{} lines", lines.size())));
  for (const auto& line : lines) diagnostic.context.push_back("  | " + printable(line));
  if (status.signal == SIGKILL)
    diagnostic.hints.emplace_back("signal 9 without a reason is often the kernel out of memory: see dmesg");
  if (status.code == 127)
    diagnostic.hints.emplace_back(
        "exit code 127 means that a program was not found: is its package in an earlier layer?");
  if (!options.host_network) {
    for (const auto& line : lines) {
      if (line.find("resolve") != std::string::npos || line.find("Network is unreachable") != std::string::npos) {
        diagnostic.hints.emplace_back("a run layer has no network unless it says 'network: host'");
        break;
      }
    }
  }
  throw CommandFailed(std::move(diagnostic), options, std::string(what));
}

std::vector<fs::path> ensure_trees(layers::Store& store, const std::vector<layers::LayerRef>& layers, ThreadPool& pool,
                                   Events& events) {
  std::vector<fs::path> trees;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto tree = store.find_tree(layers[i].digest);
    if (!tree) {
      const std::string stage = fmt::format("{}/unpack", layers[i].name);
      events.started(stage, fmt::format("unpacking layer {}", layers[i].name));
      TempDir work(store.tmp(), "tree-");
      layers::checkout_layer(store, layers, i, work.path().string(), pool);
      tree = store.publish_tree(work.path(), layers[i].digest);
      events.finished(stage, "done");
    }
    trees.push_back(*tree);
  }
  return trees;
}

namespace {

/// Clamps the time of every directory below `upper`. Directories that the step only passed through are in the upper
/// directory with the time of the moment, and are no change of the layer.
void clamp_directories(const fs::path& upper, const layers::TimeClamp& times) {
  const auto clamp = [&](const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return;
    const auto now = mtime_of(status);
    const auto then = times(now);
    if (then == now) return;
    const timespec mtime{.tv_sec = then.seconds, .tv_nsec = then.nanoseconds};
    const timespec both[2] = {mtime, mtime};
    ::utimensat(AT_FDCWD, path.c_str(), both, AT_SYMLINK_NOFOLLOW);
  };
  clamp(upper);
  for (const auto& entry : fs::recursive_directory_iterator(upper)) {
    if (entry.is_directory() && !entry.is_symlink()) clamp(entry.path());
  }
}

}  // namespace

void adopt_tree(layers::Store& store, const layers::LayerRef& layer, const StepOutput& output) {
  if (store.find_tree(layer.digest)) return;
  clamp_directories(output.upper, output.times);
  const UniqueFd directory = open_file(output.upper, O_PATH | O_DIRECTORY);
  for (const auto& change : store.layer_index(layer.digest)->changes) {
    if (change.kind == layers::ChangeKind::Remove) continue;
    const timespec mtime{.tv_sec = change.metadata.mtime.seconds, .tv_nsec = change.metadata.mtime.nanoseconds};
    const timespec times[2] = {mtime, mtime};
    const char* path = change.path.empty() ? "." : change.path.c_str();
    // When one time cannot be set, the tree is not kept: the next step that needs it makes it from the layer.
    if (::utimensat(directory.get(), path, times, AT_SYMLINK_NOFOLLOW) != 0) return;
  }
  store.publish_tree(output.upper, layer.digest);
}

}  // namespace blueprint::steps
