#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/process.h"
#include "sandbox/agent_client.h"
#include "sandbox/vm.h"

namespace blueprint::sandbox {

/// Moves the bytes of one command between its channel and the caller's streams, on the caller's thread, until it ends.
/// The guest is granted new room only after a callback has returned, so a slow caller slows this command and no other.
class ExecSession {
 public:
  /// All must outlive the session. A request was sent on `channel` already.
  ExecSession(AgentClient& client, Channel& channel, const ExecStreams& streams, std::stop_token stop);

  /// The status of the command, or nothing when the connection is lost. Throws Error V011 when the guest refuses,
  /// Interrupted, and what the callbacks throw; the channel's destructor then kills the command.
  [[nodiscard]] std::optional<ExitStatus> run();

 private:
  void wait();
  void forward_input();
  void forward_signal();
  void send_window();
  std::optional<ExitStatus> on_message(const Message& message);
  void on_output(const Message& message);

  AgentClient& client_;
  Channel& channel_;
  const ExecStreams& streams_;
  std::stop_token stop_;
  int input_fd_;
  int signal_fd_;
  std::uint32_t input_credit_ = protocol::kWindow;
  std::uint32_t consumed_[3] = {};
  std::pair<std::uint16_t, std::uint16_t> window_{0, 0};  ///< that the guest knows of
  std::chrono::steady_clock::time_point pinged_;
  std::vector<std::byte> buffer_;
};

}  // namespace blueprint::sandbox
