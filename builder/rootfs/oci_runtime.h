#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"
#include "builder/rootfs/container_config.h"

namespace blueprint::rootfs {

/// The OCI runtime programs of this machine, runc before crun. One user at a time.
///
/// A runtime that cannot start containers here (crun, for one, refuses hybrid cgroup hierarchies) is given up for the
/// next one, and the one that worked is kept for the commands that follow.
class OciRuntime {
 public:
  /// `work`: a directory of ours for bundle and state. Throws Error B011 when no runtime is installed.
  explicit OciRuntime(std::filesystem::path work);

  /// Runs a container to its end, with `input` on stdin and both output streams, in the order of their writes where the
  /// root has a shell, to `on_output`. Call from a thread that stays for as long: the container dies with it, and with
  /// this process, whatever kills it. Code 127 when the command does not exist in the container. Throws Error X002;
  /// Interrupted, after everything in the container is dead.
  ExitStatus run(const ContainerSpec& spec, std::string_view input,
                 const std::function<void(std::string_view)>& on_output, std::stop_token stop);

  /// The same for a person: the container has this process' own stdin, stdout and stderr, and a terminal of its own
  /// when stdin is one.
  ExitStatus run_attached(ContainerSpec spec);

 private:
  enum class PassedFds { None, Output };  ///< descriptor 3, beside the standard ones
  ExitStatus run_container(const ContainerSpec& spec, PassedFds passed, const std::function<ExitStatus(Command)>& start,
                           const std::function<void(std::string_view)>& on_output);

  std::filesystem::path work_;
  std::vector<std::filesystem::path> programs_;
  unsigned runs_ = 0;
};

}  // namespace blueprint::rootfs
