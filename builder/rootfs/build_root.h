#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/root_dir.h"

namespace blueprint::rootfs {

struct RunOptions {
  std::vector<std::string> argv;
  std::vector<std::string>
      environment;  ///< "NAME=value", added to the fixed environment of a build step, which it may override
  std::string workdir = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool host_network = false;
  std::string input;                                              ///< stdin
  std::vector<std::pair<std::string, std::string>> secret_files;  ///< (name, value): /run/secrets/NAME while it runs
  /// (file or directory of the host, absolute path under /run or /tmp in the container): visible while it runs.
  std::vector<std::pair<std::filesystem::path, std::string>> read_only_mounts;
  struct Mount {
    std::filesystem::path source;  ///< file or directory of the host; empty = an empty directory in memory
    std::string target;            ///< absolute path in the container, anywhere but "/"
    std::optional<std::uint64_t> size_bytes = {};  ///< of a directory in memory, at most
  };
  /// What the command sees at these paths, and may change, while it runs. A mount below another is behind it. Mount
  /// points that the tree lacks are made for it and taken away again, so that nothing of them is in the tree
  /// afterwards.
  std::vector<Mount> mounts;
};

/// The root filesystem in which a step of a build works: the parents' trees as overlay lower directories and an empty
/// upper directory that holds the step's changes afterwards; with no parents the upper directory itself.
///
/// Mounts live in a mount namespace that only a descriptor of this process keeps alive, and commands in a pid namespace
/// whose first process dies with this process: a kill -9 leaves neither mounts nor processes. One user at a time;
/// root() is thread-safe.
class BuildRoot {
 public:
  struct Options {
    std::vector<std::filesystem::path> lower;  ///< parent first (the bottom); overlayfs form
    /// A directory of ours (upper, work, bundle) on the file system of the store: empty, or the root of a failed step.
    std::filesystem::path work;
    std::int64_t epoch = 0;  ///< SOURCE_DATE_EPOCH of the commands
    std::string hostname = "blueprint";
  };
  /// Throws Error X001 when this process is not root, X003, X004, X005, B011.
  explicit BuildRoot(Options options);
  ~BuildRoot();
  BuildRoot(const BuildRoot&) = delete;
  BuildRoot& operator=(const BuildRoot&) = delete;

  /// The merged tree, for reading and writing by this process.
  [[nodiscard]] const RootDir& root() const;
  [[nodiscard]] std::filesystem::path upper() const;

  /// Whether there are trees below the upper directory.
  [[nodiscard]] bool has_parents() const;
  /// Makes an empty directory from which files can be renamed into root(). Where there are parents it is in the tree
  /// itself, because only there a rename stays on one mount. remove_staging(), which every user must call before the
  /// next run(), removes it with what is left in it.
  [[nodiscard]] RootDir make_staging();
  void remove_staging();

  /// Runs a command under the OCI runtime in this root: own set of capabilities, pid, ipc, uts and (unless
  /// host_network) network namespaces, fresh /proc, /dev, /dev/pts, tmpfs /tmp and /run, read-only /sys; fsync-family
  /// calls answered 0. Output of both streams goes to `on_output` as it comes, on another thread than the caller's,
  /// which waits. Throws Error X002 (kind Machine) when the runtime cannot start it; Interrupted, after every process
  /// of the command is dead. A command that does not exist yields code 127.
  ExitStatus run(const RunOptions& options, const std::function<void(std::string_view)>& on_output,
                 std::stop_token stop);

  /// As run, for a person at a terminal: the command has this process' own stdin, stdout and stderr.
  ExitStatus run_interactive(const RunOptions& options);

  /// Unmounts everything; the upper directory stays and may be moved away. Called by the destructor when it was not.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::rootfs
