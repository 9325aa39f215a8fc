// Running containers so that they cannot outlive us.
//
// A runtime such as runc starts the container's first process and waits; killing runc leaves that process alive. So
// runc itself is made process 1 of a pid namespace, by util-linux' `unshare --pid --fork --kill-child`: we die, the
// kernel kills `unshare` and with it runc (both by PR_SET_PDEATHSIG), and because process 1 of a pid namespace is gone,
// the kernel kills everything in it, nested namespaces included. There is no moment in which a SIGKILL of blueprint
// leaves a process behind, and an interruption is the same kill.
//
// What such a kill leaves is files in our work directory and, in /sys/fs/cgroup, the empty groups that the runtime
// made. The next run removes those.
#include "builder/rootfs/oci_runtime.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/rootfs/errors.h"

namespace blueprint::rootfs {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kIdPrefix = "blueprint-";

/// Removes empty control groups of containers whose blueprint is dead: "blueprint-PID-N" beside or below our own group.
void remove_stale_cgroups() {
  const auto membership = read_file_if_exists("/proc/self/cgroup");
  if (!membership) return;
  std::vector<fs::path> hierarchies = {"/sys/fs/cgroup"};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored)) {
    if (entry.is_directory(ignored)) hierarchies.push_back(entry.path());
  }
  for (const auto& line : split(*membership, '\n')) {
    const std::size_t colon = line.rfind(':');
    if (colon == std::string::npos) continue;
    const fs::path own = fs::path(line.substr(colon + 1)).relative_path();
    for (const auto& hierarchy : hierarchies) {
      for (const auto& place : {hierarchy / own, hierarchy / own.parent_path()}) {
        for (const auto& entry : fs::directory_iterator(place, ignored)) {
          const std::string name = entry.path().filename().string();
          if (!name.starts_with(kIdPrefix)) continue;
          pid_t pid = 0;
          std::from_chars(name.data() + kIdPrefix.size(), name.data() + name.size(), pid);
          if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) ::rmdir(entry.path().c_str());
        }
      }
    }
  }
}

/// The errors in a runtime's log of JSON lines; empty when there are none.
std::string logged_error(const fs::path& log) {
  const auto text = read_file_if_exists(log);
  if (!text) return "";
  std::string last;
  for (const auto& line : split(*text, '\n')) {
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("msg") || !entry["msg"].is_string()) continue;
    const std::string level = entry.value("level", "error");
    if (level == "error" || level == "fatal") last = entry["msg"].get<std::string>();
  }
  return last;
}

/// Whether the runtime's complaint is about the command, not about the machine.
bool command_is_missing(std::string_view complaint) {
  return complaint.find("executable file not found") != std::string_view::npos ||
         complaint.find("exec: ") != std::string_view::npos ||
         complaint.find("executable file `") != std::string_view::npos;
}

UniqueFd memory_file(std::string_view text) {
  UniqueFd fd(::memfd_create("blueprint-stdin", MFD_CLOEXEC));
  if (!fd) throw os_error("create a memory file");
  write_all(fd.get(), text, "a memory file");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) throw os_error("rewind a memory file");
  return fd;
}

/// The command as the runtime starts it: with both outputs on descriptor 3, which the runtime passes through
/// (--preserve-fds). Standard output and error would go through a pipe each and be copied, which loses the order of
/// their writes. A root without a shell gets that.
std::vector<std::string> with_one_output(const ContainerSpec& spec) {
  std::vector<std::string> argv = {"/bin/sh", "-c", "exec \"$@\" >&3 2>&3 3>&-", "sh"};
  argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
  return argv;
}

ExitStatus run_with_output(Command command, const ContainerSpec& spec, std::string_view input,
                           const std::function<void(std::string_view)>& on_output, std::stop_token stop) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw os_error("create a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const UniqueFd input_file = input.empty() ? UniqueFd() : memory_file(input);
  command.stdin_fd = input_file.get();
  command.stdout_fd = write_end.get();
  command.stderr_fd = write_end.get();
  command.extra_fds = {{write_end.get(), 3}};
  // A command that opens /dev/stdout opens the pipe anew, with its own rights.
  if (::fchown(write_end.get(), spec.uid, spec.gid) != 0) throw os_error("give a pipe to a user");
  command.new_session = true;
  ChildProcess child(command);
  write_end.reset();
  const std::stop_callback on_stop(stop, [&child] { child.kill(SIGKILL); });
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(read_end.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("read the output of a command");
    if (got == 0) break;
    on_output(std::string_view(buffer, static_cast<std::size_t>(got)));
  }
  // The pipe has ended, so every process of the container has: nothing writes to the tree any more.
  const ExitStatus status = child.wait();
  if (stop.stop_requested()) throw Interrupted{};
  return status;
}

}  // namespace

OciRuntime::OciRuntime(fs::path work) : work_(std::move(work)) {
  for (const char* name : {"runc", "crun"}) {
    if (auto program = find_program(name)) programs_.push_back(std::move(*program));
  }
  if (programs_.empty()) programs_.push_back(require_program("runc", "runc"));
  remove_stale_cgroups();
}

ExitStatus OciRuntime::run(const ContainerSpec& spec, std::string_view input,
                           const std::function<void(std::string_view)>& on_output, std::stop_token stop) {
  ContainerSpec adapted = spec;
  if (spec.has_shell) adapted.argv = with_one_output(spec);
  return run_container(
      adapted, PassedFds::Output,
      [&](Command command) { return run_with_output(std::move(command), spec, input, on_output, stop); }, on_output);
}

ExitStatus OciRuntime::run_attached(ContainerSpec spec) {
  spec.terminal = ::isatty(STDIN_FILENO) == 1;
  return run_container(
      spec, PassedFds::None,
      [](Command command) {
        command.stdin_fd = STDIN_FILENO;
        command.stdout_fd = STDOUT_FILENO;
        command.stderr_fd = STDERR_FILENO;
        return ChildProcess(command).wait();
      },
      [](std::string_view complaint) { write_all(STDERR_FILENO, complaint, "to stderr"); });
}

ExitStatus OciRuntime::run_container(const ContainerSpec& spec, PassedFds passed,
                                     const std::function<ExitStatus(Command)>& start,
                                     const std::function<void(std::string_view)>& on_output) {
  const fs::path unshare = require_program("unshare", "util-linux");
  fs::create_directories(work_);
  write_file_atomic(work_ / "config.json", container_config(spec), 0600);
  while (true) {
    const fs::path program = programs_.front();
    const std::string id =
        fmt::format("{}{}-{}-{}", kIdPrefix, ::getpid(), reinterpret_cast<std::uintptr_t>(this), ++runs_);
    const fs::path log = work_ / (id + ".log");
    const ExitStatus status = start({.argv = {unshare.string(),
                                              "--mount",
                                              "--propagation",
                                              "slave",
                                              "--pid",
                                              "--fork",
                                              "--kill-child",
                                              "--mount-proc",
                                              program.string(),
                                              "--root",
                                              (work_ / "state").string(),
                                              "--log",
                                              log.string(),
                                              "--log-format",
                                              "json",
                                              "run",
                                              "--preserve-fds",
                                              passed == PassedFds::Output ? "1" : "0",
                                              "--bundle",
                                              work_.string(),
                                              id},
                                     .directory = "/"});
    std::error_code ignored;
    std::string complaint = status.success() ? "" : logged_error(log);
    // A runtime makes its log before anything else: without one, `unshare` did not get as far as starting it.
    if (!status.success() && !fs::exists(log, ignored)) complaint = "unshare could not make its namespaces";
    fs::remove(log, ignored);
    fs::remove_all(work_ / "state" / id, ignored);
    if (complaint.empty()) return status;
    if (command_is_missing(complaint)) {
      on_output(complaint + "\n");
      return {.code = 127};
    }
    if (programs_.size() == 1) throw runtime_failed(program.filename().string(), complaint);
    programs_.erase(programs_.begin());
  }
}

}  // namespace blueprint::rootfs
