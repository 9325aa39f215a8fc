// Guests that go wrong, and hosts that do: each ends in an error that says what happened, or in nothing left behind.

#include <catch2/catch.hpp>

#include <csignal>
#include <future>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "guest.h"

namespace blueprint::sandbox::test {
namespace {

/// The diagnostic with which the boot fails.
Diagnostic boot_failure(Guest& guest) {
  try {
    guest.boot();
  } catch (const Error& error) {
    UNSCOPED_INFO(render(error.first()));
    return error.first();
  }
  FAIL("the guest booted");
  return {};
}

bool some_hint_has(const Diagnostic& diagnostic, std::string_view text) {
  for (const auto& hint : diagnostic.hints) {
    if (hint.find(text) != std::string::npos) return true;
  }
  return false;
}

/// Processes below `parent`, in any depth.
std::vector<pid_t> descendants(pid_t parent) {
  std::vector<pid_t> found;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", parent))) {
    for (const auto& word : split(read_file(task.path() / "children"), ' ')) {
      if (trim(word).empty()) continue;
      const pid_t child = std::stoi(word);
      found.push_back(child);
      for (const pid_t deeper : descendants(child)) found.push_back(deeper);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("a disk without a filesystem ends in an error that names it and shows the console") {
  Guest guest("busybox");
  const TempDir directory;
  const auto disk = directory.path() / "empty.img";
  std::filesystem::resize_file((write_file_atomic(disk, ""), disk), 64 << 20);
  const auto served = serve_image(disk, directory.path() / "empty.sock");
  guest.config.nbd_socket = (directory.path() / "empty.sock").string();
  const auto diagnostic = boot_failure(guest);
  CHECK(diagnostic.code == "V002");
  CHECK(diagnostic.message == "the guest could not boot: mount the root filesystem: Invalid argument");
  CHECK(some_hint_has(diagnostic, "| blueprint-agent: error: mount the root filesystem: Invalid argument"));
}

TEST_CASE("a kernel that panics ends in an error with its words and the console") {
  Guest guest("busybox");
  // A program that ends at once, as the first process.
  const TempDir directory;
  guest.config.agent = directory.path() / "agent";
  write_file_atomic(guest.config.agent, "#!/nosuch\n");
  const auto diagnostic = boot_failure(guest);
  CHECK(diagnostic.code == "V002");
  CHECK(diagnostic.message.find("the guest could not boot: kernel panic: ") == 0);
  CHECK(some_hint_has(diagnostic, "Kernel panic - not syncing: "));
}

TEST_CASE("an agent that never answers ends in an error after the stated time") {
  Guest guest("busybox");
  // As /init it is busybox' own init, which starts shells and says nothing to us.
  guest.config.agent = guests() / "busybox/bin/busybox";
  guest.config.boot_timeout = std::chrono::seconds(15);
  const auto diagnostic = boot_failure(guest);
  CHECK(diagnostic.code == "V003");
  CHECK(diagnostic.message == "the guest did not answer within 15 s; the kernel did not start our init");
  CHECK(diagnostic.hints.size() == 2);
}

TEST_CASE("what QEMU complains of is the error") {
  Guest guest("busybox");
  guest.config.kernel = guests() / "busybox/etc/passwd";
  const auto diagnostic = boot_failure(guest);
  CHECK(diagnostic.code == "V001");
  CHECK(diagnostic.message.find("qemu ended before the guest was up: ") == 0);
}

TEST_CASE("a configuration that cannot work is refused before anything starts") {
  Guest guest("busybox");
  SECTION("no processor") { guest.config.cpus = 0; }
  SECTION("no memory") { guest.config.memory_bytes = 1 << 20; }
  SECTION("a disk smaller than the image") { guest.config.disk_bytes = guest.config.device_bytes - 1; }
  SECTION("a name that would be an option") { guest.config.name = "a,hostfwd=tcp::22-:22"; }
  CHECK(boot_failure(guest).code == "V009");
}

TEST_CASE("a boot can be interrupted") {
  Guest guest("busybox");
  std::stop_source source;
  source.request_stop();
  NoEvents events;
  CHECK_THROWS_AS(Vm(guest.config, events, source.get_token()), Interrupted);
}

TEST_CASE("a guest that panics under a command is an error with the kernel's words, not a hang") {
  Guest guest("busybox");
  const auto vm = guest.boot();
  try {
    run_shell(*vm, "echo c > /proc/sysrq-trigger; sleep 1000");
    FAIL("the command ended");
  } catch (const Error& error) {
    CHECK(error.first().code == "V010");
    CHECK(error.first().message == "the VM is lost: its kernel panicked: sysrq triggered crash");
  }
  CHECK_THROWS_AS(run_shell(*vm, "true"), Error);
}

TEST_CASE("a guest that switches itself off under a command is an error, not a hang") {
  Guest guest("busybox");
  const auto vm = guest.boot();
  try {
    run_shell(*vm, "poweroff -f; sleep 1000");
    FAIL("the command ended");
  } catch (const Error& error) {
    CHECK(error.first().code == "V010");
    CHECK(error.first().message == "the VM is lost: it was switched off");
  }
}

TEST_CASE("a guest that does not power off is ended all the same") {
  Guest guest("busybox");
  const auto vm = guest.boot();
  // The agent waits for ever for a list of users that nobody writes.
  REQUIRE(run_shell(*vm, "mkfifo /tmp/fifo && mount --bind /tmp/fifo /etc/passwd").status.success());
  std::promise<void> asked;
  std::string code;
  std::thread stuck([&] {
    bool told = false;
    const auto window = [&]() -> std::optional<std::pair<std::uint16_t, std::uint16_t>> {
      if (!told) asked.set_value();  // the first question comes after the command was sent
      told = true;
      return std::nullopt;
    };
    try {
      vm->exec({.argv = {"true"}}, {.window = window}, {});
    } catch (const Error& error) {
      code = error.first().code;
    }
  });
  asked.get_future().wait();
  CHECK_FALSE(vm->power_off(std::chrono::seconds(2)));
  stuck.join();
  CHECK(code == "V010");
  CHECK_THROWS_AS(run_shell(*vm, "true"), Error);
}

TEST_CASE("nothing is left running when the host's process is killed") {
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t host = ::fork();
  REQUIRE(host >= 0);
  if (host == 0) {
    Guest guest("busybox");
    const auto vm = guest.boot();
    [[maybe_unused]] const auto wrote = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  std::vector<UniqueFd> processes;
  for (const pid_t pid : descendants(host)) processes.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  CHECK(processes.size() >= 2);  // QEMU and nbdkit
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  for (const auto& process : processes) {
    pollfd wait{.fd = process.get(), .events = POLLIN, .revents = 0};
    CHECK(::poll(&wait, 1, 60'000) == 1);
  }
}

}  // namespace blueprint::sandbox::test
