#pragma once

#include <string>
#include <variant>

#include <sys/types.h>

#include "base/fd.h"
#include "sandbox/protocol.h"

namespace blueprint::agent {

/// A command that was started, and our ends of its streams; all of them non-blocking. With a terminal, `input` and
/// `output` are two descriptors of its master side and `error` is empty.
struct Child {
  pid_t pid = -1;
  UniqueFd input;
  UniqueFd output;
  UniqueFd error;
};

/// Starts the command in a session of its own, as its user, in its directory (the user's home when empty), with the
/// user's PATH, HOME, USER, LOGNAME and SHELL under what the request gives. Returns once execve succeeded, or why it
/// could not.
[[nodiscard]] std::variant<Child, sandbox::protocol::Failure> start_child(const sandbox::protocol::Exec& request);

/// Sets the size of the terminal whose master side is `terminal`; the kernel tells the command.
void set_window(int terminal, std::uint16_t rows, std::uint16_t columns);

}  // namespace blueprint::agent
