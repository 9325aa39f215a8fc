#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace blueprint::rootfs {

/// What a container is told, before it is written as an OCI runtime configuration.
struct ContainerSpec {
  std::string root;  ///< absolute path, as the runtime sees it
  std::string hostname;
  std::vector<std::string> argv;
  bool has_shell = false;                ///< the root has a /bin/sh
  std::vector<std::string> environment;  ///< complete
  std::string workdir = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool host_network = false;
  bool terminal = false;  ///< a pseudo-terminal of its own
  struct Bind {
    std::string source;  ///< file or directory of the runtime's mount namespace; empty = an empty one in memory
    std::string target;  ///< absolute path in the container
    std::optional<std::uint64_t> size_bytes = {};  ///< of one in memory, at most
  };
  std::vector<Bind> read_only_binds;
  std::vector<Bind> binds;
};

/// The directories of a root that a container mounts something on, relative to it: "proc", "sys", "dev", "tmp", "run".
[[nodiscard]] const std::vector<std::string>& mount_points();

/// config.json for an OCI runtime (runtime-spec 1.0.2).
[[nodiscard]] std::string container_config(const ContainerSpec& spec);

/// The environment of every command of a build, with `overrides` ("NAME=value") put in or in place, sorted by name.
/// `epoch` becomes SOURCE_DATE_EPOCH, the only fixed clock there can be: time namespaces shift the monotonic clocks and
/// never the real-time one, so what a command writes down of the real time is taken away afterwards (times of files are
/// clamped, logs deleted).
[[nodiscard]] std::vector<std::string> step_environment(std::int64_t epoch, const std::vector<std::string>& overrides);

}  // namespace blueprint::rootfs
