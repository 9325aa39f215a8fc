#include "sandbox/agent/child.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "sandbox/agent/sys.h"
#include "sandbox/agent/users.h"

namespace blueprint::agent {
namespace {

using sandbox::protocol::Exec;
using sandbox::protocol::Failure;

constexpr const char* kRootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kPipeBytes = 1 << 20;

/// What the child says to us through the pipe that execve closes.
struct Trouble {
  enum Step : int { Directory, Identity, Terminal, Program } step;
  int error_number;
};

/// The command's ends.
struct Ends {
  UniqueFd input;
  UniqueFd output;
  UniqueFd error;
};

Failure failure(std::string message, int error_number) {
  return {.error_number = static_cast<std::uint32_t>(error_number), .message = std::move(message)};
}

bool make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return true;
}

bool open_terminal(const Exec& request, Child& child, Ends& ends) {
  child.output.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!child.output || ::grantpt(child.output.get()) != 0 || ::unlockpt(child.output.get()) != 0) return false;
  if (::ptsname_r(child.output.get(), name, sizeof(name)) != 0) return false;
  ends.input.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.input) return false;
  set_window(child.output.get(), request.rows, request.columns);
  child.input.reset(::fcntl(child.output.get(), F_DUPFD_CLOEXEC, 0));
  return true;
}

bool open_streams(const Exec& request, Child& child, Ends& ends) {
  if (request.tty) return open_terminal(request, child, ends);
  return make_pipe(ends.input, child.input) && make_pipe(child.output, ends.output) &&
         make_pipe(child.error, ends.error);
}

std::vector<std::string> environment_of(const Exec& request, const User& user) {
  std::vector<std::string> environment = {std::string("PATH=") + kRootPath, "HOME=" + user.home, "SHELL=" + user.shell};
  if (!user.name.empty()) {
    environment.push_back("USER=" + user.name);
    environment.push_back("LOGNAME=" + user.name);
  }
  for (const auto& pair : request.environment) {
    const auto key = pair.substr(0, pair.find('=') + 1);
    bool replaced = false;
    for (auto& mine : environment) {
      if (key.empty() || mine.compare(0, key.size(), key) != 0) continue;
      mine = pair;
      replaced = true;
    }
    if (!replaced) environment.push_back(pair);
  }
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> found;
  for (auto& word : words) found.push_back(word.data());
  found.push_back(nullptr);
  return found;
}

/// As execvp, but in the PATH that the command will see.
int execute(std::vector<std::string> argv, std::vector<std::string> environment) {
  const auto arguments = pointers(argv);
  const auto variables = pointers(environment);
  if (argv[0].find('/') != std::string::npos) {
    ::execve(argv[0].c_str(), arguments.data(), variables.data());
    return errno;
  }
  int worst = ENOENT;
  for (const auto& pair : environment) {
    if (pair.compare(0, 5, "PATH=") != 0) continue;
    for (const auto& directory : split_words(std::string_view(pair).substr(5), ':')) {
      const std::string candidate = (directory.empty() ? "." : directory) + "/" + argv[0];
      ::execve(candidate.c_str(), arguments.data(), variables.data());
      if (errno != ENOENT && errno != ENOTDIR) worst = errno;
    }
  }
  return worst;
}

void reset_process() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::umask(022);
  // The unit of the agent is favoured; its commands are not.
  write_text("/proc/self/oom_score_adj", "0");
  ::setpriority(PRIO_PROCESS, 0, 0);
  // The agent's own limit is high; programs that use select() want the usual soft one.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > 1024) {
    files.rlim_cur = 1024;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

bool become(const User& user) {
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 && ::setgid(user.gid) == 0 && ::setuid(user.uid) == 0;
}

[[noreturn]] void run_child(const Exec& request, const User& user, const Ends& ends, int report) {
  const auto fail = [report](Trouble::Step step, int error_number) {
    const Trouble trouble{.step = step, .error_number = error_number};
    [[maybe_unused]] const auto wrote = ::write(report, &trouble, sizeof(trouble));
    ::_exit(127);
  };
  ::setsid();
  reset_process();
  if (request.tty && ::ioctl(ends.input.get(), TIOCSCTTY, 0) != 0) fail(Trouble::Terminal, errno);
  if (request.tty && ::fchown(ends.input.get(), user.uid, user.gid) != 0) fail(Trouble::Terminal, errno);
  const int output = request.tty ? ends.input.get() : ends.output.get();
  const int error = request.tty ? ends.input.get() : ends.error.get();
  if (::dup2(ends.input.get(), 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(error, 2) < 0) fail(Trouble::Terminal, errno);
  if (!become(user)) fail(Trouble::Identity, errno);
  if (!request.workdir.empty()) {
    if (::chdir(request.workdir.c_str()) != 0) fail(Trouble::Directory, errno);
  } else if (::chdir(user.home.c_str()) != 0 && ::chdir("/") != 0) {
    fail(Trouble::Directory, errno);
  }
  fail(Trouble::Program, execute(request.argv, environment_of(request, user)));
  ::_exit(127);
}

Failure explain(const Trouble& trouble, const Exec& request) {
  switch (trouble.step) {
    case Trouble::Directory:
      return failure("cannot change to the directory '" + request.workdir + "'", trouble.error_number);
    case Trouble::Identity: return failure("cannot become the user '" + request.user + "'", trouble.error_number);
    case Trouble::Terminal: return failure("cannot set up the terminal", trouble.error_number);
    case Trouble::Program: break;
  }
  return failure("cannot execute '" + request.argv[0] + "'", trouble.error_number);
}

}  // namespace

std::variant<Child, Failure> start_child(const Exec& request) {
  const auto user =
      find_user(request.user, read_text("/etc/passwd").value_or(""), read_text("/etc/group").value_or(""));
  if (!user) return failure("there is no user '" + request.user + "' in /etc/passwd", ENOENT);
  Child child;
  Ends ends;
  UniqueFd report_read;
  UniqueFd report_write;
  if (!open_streams(request, child, ends) || !make_pipe(report_read, report_write)) {
    return failure("cannot make the command's streams", errno);
  }
  child.pid = ::fork();
  if (child.pid < 0) return failure("cannot start a process", errno);
  if (child.pid == 0) run_child(request, *user, ends, report_write.get());
  ends = {};
  report_write.reset();
  Trouble trouble{};
  ssize_t got = 0;
  do {
    got = ::read(report_read.get(), &trouble, sizeof(trouble));
  } while (got < 0 && errno == EINTR);
  // The process that failed is reaped with all the others.
  if (got == sizeof(trouble)) return explain(trouble, request);
  for (const UniqueFd* fd : {&child.input, &child.output, &child.error}) {
    if (*fd) ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
  }
  return child;
}

void set_window(int terminal, std::uint16_t rows, std::uint16_t columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  ::ioctl(terminal, TIOCSWINSZ, &size);
}

}  // namespace blueprint::agent
