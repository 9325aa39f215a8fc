#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/root_dir.h"

namespace blueprint::rootfs {

struct RunOptions {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< "NAME=value", added to the fixed environment of a build step, which it may override
  std::string workdir = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool host_network = false;
  std::string input;                                             ///< stdin
  std::vector<std::pair<std::string, std::string>> secret_files; ///< (name, value): /run/secrets/NAME while it runs
};

/// The root filesystem in which a step of a build works: the parents' trees as overlay lower directories and an empty upper
/// directory that holds the step's changes afterwards; with no parents the upper directory itself.
///
/// Mounts live in a mount namespace of a helper process, so that a kill -9 of this process leaves none behind. One user
/// at a time.
class BuildRoot {
 public:
  struct Options {
    std::vector<std::filesystem::path> lower;  ///< parent first (the bottom); overlayfs form
    std::filesystem::path work;                ///< an empty directory of ours (upper, work, bundle); same file system as the store
    std::int64_t epoch = 0;                    ///< SOURCE_DATE_EPOCH of the commands
    std::string hostname = "blueprint";
  };
  explicit BuildRoot(Options options);
  ~BuildRoot();
  BuildRoot(const BuildRoot&) = delete;
  BuildRoot& operator=(const BuildRoot&) = delete;

  /// The merged tree, for reading and writing by this process.
  [[nodiscard]] const RootDir& root() const;
  [[nodiscard]] std::filesystem::path upper() const;

  /// Runs a command under the OCI runtime in this root: own user of capabilities, pid, ipc, uts and (unless host_network) network
  /// namespaces, fresh /proc, /dev, /dev/pts, tmpfs /tmp and /run, read-only /sys; fsync-family calls answered 0. Output of both
  /// streams goes to `on_output` as it comes. Throws Error X0xx (kind Machine) when the runtime is missing or cannot start it;
  /// Interrupted.
  ExitStatus run(const RunOptions& options, const std::function<void(std::string_view)>& on_output, std::stop_token stop);

  /// Unmounts everything; the upper directory stays and may be moved away. Called by the destructor when it was not.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::rootfs
