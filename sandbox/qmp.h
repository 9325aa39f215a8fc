#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace blueprint::sandbox {

/// QEMU's monitor (docs/interop/qmp-spec.txt): for what the guest's agent cannot be asked. One caller at a time.
class Qmp {
 public:
  /// Takes a socket that is connected to the monitor. Nothing is said until the first command.
  explicit Qmp(UniqueFd socket) : socket_(std::move(socket)) {}

  /// Presses the power button. False when QEMU did not take it within `timeout`.
  bool system_powerdown(std::chrono::milliseconds timeout) { return execute("system_powerdown", timeout); }
  /// Ends QEMU in order: files are closed, nothing of the guest's is waited for.
  bool quit(std::chrono::milliseconds timeout) { return execute("quit", timeout); }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  bool execute(std::string_view command, std::chrono::milliseconds timeout);
  bool converse(std::string_view command, Deadline deadline);
  /// The next line; empty when the deadline passed or the connection is closed.
  std::string read_line(Deadline deadline);

  UniqueFd socket_;
  std::string buffer_;
  bool ready_ = false;  ///< greeting taken, capabilities negotiated
};

}  // namespace blueprint::sandbox
