#include "base/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace blueprint {
namespace fs = std::filesystem;
namespace {

ExitStatus from_wait_status(int status) {
  if (WIFSIGNALED(status)) return {.code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

/// The child may not allocate, so it keeps its copies in an array.
constexpr std::size_t kMaxExtraFds = 16;

/// Everything that the child needs, made before fork: after it only async-signal-safe calls are allowed, because other
/// threads may hold the allocator's lock.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
};

[[noreturn]] void exec_child(const Command& command, const Prepared& prepared, int error_pipe, pid_t parent) {
  const auto fail = [&] {
    const int error_number = errno;
    [[maybe_unused]] const auto wrote = ::write(error_pipe, &error_number, sizeof(error_number));
    ::_exit(127);
  };
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (command.new_session) ::setsid();
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) fail();

  // Lift all sources above the targets first, so that no dup2 overwrites a source that is still needed.
  int highest = 3;
  for (const auto& [ours, theirs] : command.extra_fds) highest = std::max(highest, theirs + 1);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  int standard[3] = {command.stdin_fd, command.stdout_fd, command.stderr_fd};
  for (int& fd : standard) {
    fd = ::fcntl(fd < 0 ? null : fd, F_DUPFD_CLOEXEC, highest);
    if (fd < 0) fail();
  }
  int lifted[kMaxExtraFds];
  std::size_t count = 0;
  for (const auto& [ours, theirs] : command.extra_fds) {
    lifted[count] = ::fcntl(ours, F_DUPFD_CLOEXEC, highest);
    if (lifted[count++] < 0) fail();
  }
  // Whatever was inherited or opened without O_CLOEXEC stays here; dup2 gives the targets below to the child.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int i = 0; i < 3; ++i) {
    if (::dup2(standard[i], i) < 0) fail();
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (::dup2(lifted[i], command.extra_fds[i].second) < 0) fail();
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What was ignored stays ignored over exec. (Of KILL and STOP that cannot be said, and fails without harm.)
  for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
  ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  fail();
  ::_exit(127);
}

}  // namespace

std::string ExitStatus::to_string() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit code {}", code);
}

ChildProcess::ChildProcess(const Command& command) : group_(command.new_session) {
  const auto not_started = [&](int error_number) {
    return Error({.kind = ErrorKind::Machine,
                  .code = "B010",
                  .message = fmt::format("cannot start {}: {}", command.argv.at(0), std::strerror(error_number))});
  };
  if (command.extra_fds.size() > kMaxExtraFds) throw bug("more extra descriptors than a child can take");
  Prepared prepared;
  const auto found = find_program(command.argv.at(0));
  if (!found) throw not_started(ENOENT);
  prepared.program = found->string();
  for (const auto& word : command.argv) prepared.argv.push_back(const_cast<char*>(word.c_str()));
  prepared.argv.push_back(nullptr);
  if (command.environment) {
    for (const auto& pair : *command.environment) prepared.environment.push_back(const_cast<char*>(pair.c_str()));
  } else {
    for (char** pair = environ; *pair != nullptr; ++pair) prepared.environment.push_back(*pair);
  }
  prepared.environment.push_back(nullptr);

  int error_pipe[2];
  if (::pipe2(error_pipe, O_CLOEXEC) != 0) throw os_error("create a pipe");
  const UniqueFd read_end(error_pipe[0]);
  UniqueFd write_end(error_pipe[1]);
  const pid_t parent = ::getpid();
  // Signals are blocked over the fork so that no handler of ours runs in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_ = ::fork();
  if (pid_ == 0) exec_child(command, prepared, write_end.get(), parent);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) throw os_error("start a process", fork_error);
  write_end.reset();
  int error_number = 0;
  ssize_t got = 0;
  do {
    got = ::read(read_end.get(), &error_number, sizeof(error_number));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(error_number)) {
    wait();
    throw not_started(error_number);
  }
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || status_) return;
  kill(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), group_(other.group_), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  ChildProcess gone(std::move(*this));
  pid_ = std::exchange(other.pid_, -1);
  group_ = other.group_;
  status_ = other.status_;
  return *this;
}

ExitStatus ChildProcess::wait() {
  if (status_) return *status_;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) throw os_error("wait for a process");
  }
  status_ = from_wait_status(status);
  return *status_;
}

std::optional<ExitStatus> ChildProcess::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG);
  if (got == pid_) status_ = from_wait_status(status);
  return status_;
}

std::optional<ExitStatus> ChildProcess::wait_for(std::chrono::milliseconds timeout) {
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (const auto status = poll()) return status;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd wait{.fd = handle.get(), .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, static_cast<int>(std::min<long>(left.count(), 1000)));
  }
}

void ChildProcess::kill(int signal) noexcept {
  if (pid_ > 0 && !status_) ::kill(group_ ? -pid_ : pid_, signal);
}

namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw os_error("create a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Reads once from `fd` into `sink`; closes it at the end of the stream.
void drain(UniqueFd& fd, const std::function<void(std::string_view)>& sink) {
  char buffer[65536];
  const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    fd.reset();
    return;
  }
  sink({buffer, static_cast<std::size_t>(got)});
}

/// Writes once from the front of `input`; closes `fd` when all is written. SIGPIPE is ignored by the program; a child
/// that closed its stdin just does not get the rest.
void feed(UniqueFd& fd, std::string_view& input) {
  const ssize_t wrote = ::write(fd.get(), input.data(), input.size());
  if (wrote > 0) input.remove_prefix(static_cast<std::size_t>(wrote));
  if (input.empty() || (wrote < 0 && errno != EAGAIN && errno != EINTR)) fd.reset();
}

}  // namespace

Finished run(Command command, std::string_view input, std::stop_token stop,
             const std::function<void(std::string_view)>& on_output) {
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  command.stdin_fd = in.read.get();
  command.stdout_fd = out.write.get();
  command.stderr_fd = err.write.get();
  command.new_session = true;
  // The stop callback runs in another thread, so it only wakes this one, which owns the child.
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake) throw os_error("create an event");
  ChildProcess child(command);
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  if (!ended) throw os_error("watch a process");
  in.read.reset();
  out.write.reset();
  err.write.reset();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  if (input.empty()) in.write.reset();
  const std::stop_callback on_stop(stop, [&wake] { ::eventfd_write(wake.get(), 1); });

  Finished finished;
  const auto to = [&](std::string& captured) {
    return [&](std::string_view chunk) { on_output ? on_output(chunk) : void(captured += chunk); };
  };
  // The outputs end when the last process that holds them does; the child may close them and live on.
  while (out.read || err.read || !child.poll()) {
    const bool flowing = out.read || err.read;
    pollfd waits[] = {{.fd = wake.get(), .events = POLLIN, .revents = 0},
                      {.fd = out.read.get(), .events = POLLIN, .revents = 0},
                      {.fd = err.read.get(), .events = POLLIN, .revents = 0},
                      {.fd = in.write.get(), .events = POLLOUT, .revents = 0},
                      {.fd = flowing ? -1 : ended.get(), .events = POLLIN, .revents = 0}};
    if (::poll(waits, std::size(waits), -1) < 0) {
      if (errno == EINTR) continue;
      throw os_error("wait for a process");
    }
    if (waits[0].revents != 0) {
      child.kill(SIGKILL);
      child.wait();
      throw Interrupted{};
    }
    if (waits[1].revents != 0) drain(out.read, to(finished.out));
    if (waits[2].revents != 0) drain(err.read, to(finished.err));
    if (waits[3].revents != 0) feed(in.write, input);
  }
  finished.status = child.wait();
  return finished;
}

std::optional<fs::path> find_program(std::string_view program) {
  const auto is_program = [](const fs::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string_view::npos) {
    return is_program(program) ? std::optional(fs::path(program)) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  const std::string search =
      fmt::format("{}:/usr/local/sbin:/usr/sbin:/sbin", path == nullptr ? "/usr/bin:/bin" : path);
  for (const auto& directory : split(search, ':')) {
    if (directory.empty()) continue;
    const fs::path candidate = fs::path(directory) / program;
    if (is_program(candidate)) return candidate;
  }
  return std::nullopt;
}

fs::path require_program(std::string_view program, std::string_view debian_package) {
  if (auto found = find_program(program)) return *found;
  throw Error({.kind = ErrorKind::Machine,
               .code = "B011",
               .message = fmt::format("the program '{}' is not installed", program),
               .hints = {fmt::format("install it with: apt-get install {}", debian_package)}});
}

}  // namespace blueprint
