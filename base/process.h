#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/fd.h"

namespace blueprint {

/// How a child process ended.
struct ExitStatus {
  int code = 0;    ///< exit code; meaningful when signal is 0
  int signal = 0;  ///< the signal that killed it, or 0

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  /// "exit code 3" or "signal 9 (Killed)".
  [[nodiscard]] std::string to_string() const;
  bool operator==(const ExitStatus&) const = default;
};

struct Command {
  std::vector<std::string> argv;                        ///< argv[0] is searched in PATH
  std::optional<std::vector<std::string>> environment;  ///< "NAME=value"; nothing = inherit
  std::filesystem::path directory;                      ///< empty = inherit
  int stdin_fd = -1;                                    ///< borrowed; -1 = /dev/null
  int stdout_fd = -1;                                   ///< borrowed; -1 = /dev/null
  int stderr_fd = -1;                                   ///< borrowed; -1 = /dev/null
  std::vector<std::pair<int, int>> extra_fds;  ///< (ours, the number that the child sees), borrowed; no others pass
  bool new_session = false;                    ///< setsid: its own process group, killed as a whole
};

/// A running child. Killed (SIGKILL, its whole group when new_session) and reaped by the destructor when still running;
/// it also gets SIGKILL when this process dies (PR_SET_PDEATHSIG). Because that signal is tied to the thread that
/// started it, start children from threads that outlive them.
class ChildProcess {
 public:
  /// Throws Error B010 (kind Machine) naming the program when it cannot be executed.
  explicit ChildProcess(const Command& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits until it ends.
  ExitStatus wait();
  /// Nothing when it is still running.
  [[nodiscard]] std::optional<ExitStatus> poll();
  /// Waits at most `timeout`.
  [[nodiscard]] std::optional<ExitStatus> wait_for(std::chrono::milliseconds timeout);
  void kill(int signal) noexcept;

 private:
  pid_t pid_ = -1;
  bool group_ = false;
  std::optional<ExitStatus> status_;
};

struct Finished {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs to the end with `input` on stdin and captures both outputs. Throws Interrupted, after killing the child, when a
/// stop is requested. `on_output`, when given, sees each chunk of both streams as it comes and nothing is captured.
[[nodiscard]] Finished run(Command command, std::string_view input = {}, std::stop_token stop = {},
                           const std::function<void(std::string_view chunk)>& on_output = {});

/// Full path of `program` in PATH (and the sbin directories); nothing when absent.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view program);

/// As find_program; throws Error B011 (kind Machine) that says which Debian/Ubuntu package has it.
[[nodiscard]] std::filesystem::path require_program(std::string_view program, std::string_view debian_package);

}  // namespace blueprint
