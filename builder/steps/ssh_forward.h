#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include "base/fd.h"

namespace blueprint::steps {

/// A socket that reaches an agent of SSH keys of the host, as long as the object lives. The script gets this one and
/// not the agent's own, which only the agent's user may open: agents refuse everybody but that user and root.
class SshForward {
 public:
  /// Makes `socket`, which does not exist yet, for `uid` alone, and forwards each connection to the agent that listens
  /// at `agent`, on a thread of its own. Throws Error X112 when no agent does; os_error.
  SshForward(std::filesystem::path socket, std::filesystem::path agent, std::uint32_t uid);
  ~SshForward();
  SshForward(const SshForward&) = delete;
  SshForward& operator=(const SshForward&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }

 private:
  void serve() const;

  std::filesystem::path socket_;
  std::filesystem::path agent_;
  UniqueFd listener_;
  UniqueFd done_;
  std::thread thread_;
};

}  // namespace blueprint::steps
