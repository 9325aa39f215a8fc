#include "base/process.h"
#include "base/text.h"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"

using namespace blueprint;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

Finished shell(const std::string& script, std::string_view input = {}) {
  return run({.argv = {"sh", "-c", script}}, input);
}

/// Waits until `condition` holds; the bound is only for a test that fails.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

bool is_running(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("A command gets its input and both its outputs are captured apart") {
  const auto done = shell("cat; echo bad >&2; exit 3", "line\n");
  CHECK(done.out == "line\n");
  CHECK(done.err == "bad\n");
  CHECK(done.status == ExitStatus{.code = 3});
  CHECK(done.status.to_string() == "exit code 3");
  CHECK_FALSE(done.status.success());
}

TEST_CASE("Large input and output flow at the same time") {
  const std::string input(20'000'000, 'x');
  const auto done = run({.argv = {"sh", "-c", "tee /dev/stderr"}}, input);
  CHECK(done.status.success());
  CHECK(done.out == input);
  CHECK(done.err == input);
}

TEST_CASE("A child that does not read its input does not hurt") {
  const auto done = run({.argv = {"true"}}, std::string(5'000'000, 'x'));
  CHECK(done.status.success());
}

TEST_CASE("Output is given as it comes when somebody listens") {
  std::string seen;
  const auto done =
      run({.argv = {"sh", "-c", "echo a; echo b >&2"}}, {}, {}, [&](std::string_view chunk) { seen += chunk; });
  CHECK(seen.size() == 4);
  CHECK(done.out.empty());
  CHECK(done.err.empty());
}

TEST_CASE("A signal that killed the child is named") {
  const auto done = shell("kill -9 $$");
  CHECK(done.status.signal == SIGKILL);
  CHECK(done.status.to_string() == "signal 9 (Killed)");
  CHECK_FALSE(done.status.success());
}

TEST_CASE("A missing program is an error of the machine that names it") {
  try {
    (void)run({.argv = {"no-such-program-here", "-x"}});
    FAIL("started");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "error: cannot start no-such-program-here: No such file or directory [B010]");
    CHECK(error.exit_code() == 6);
  }
}

TEST_CASE("A file that cannot be executed and a directory that is not there are told") {
  const TempDir dir;
  write_file_atomic(dir.path() / "script", "not a program", 0755);
  CHECK_THROWS_WITH(run({.argv = {(dir.path() / "script").string()}}), Catch::Contains("Exec format error"));
  CHECK_THROWS_WITH(run({.argv = {"true"}, .directory = dir.path() / "missing"}),
                    Catch::Contains("No such file or directory"));
}

TEST_CASE("Environment and directory are as asked") {
  const TempDir dir;
  const auto done = run({.argv = {"sh", "-c", "pwd; echo $ONLY; env | wc -l"},
                         .environment = {{"ONLY=this", "PWD=" + dir.path().string()}},
                         .directory = dir.path()});
  CHECK(done.out.starts_with(dir.path().string() + "\nthis\n"));
  ::setenv("BLUEPRINT_TEST_INHERITED", "yes", 1);
  CHECK(shell("echo $BLUEPRINT_TEST_INHERITED").out == "yes\n");
  ::unsetenv("BLUEPRINT_TEST_INHERITED");
}

TEST_CASE("Extra descriptors arrive under the numbers asked for, even when they cross, and no others do") {
  const TempDir dir;
  write_file_atomic(dir.path() / "a", "a");
  write_file_atomic(dir.path() / "b", "b");
  const UniqueFd a = open_file(dir.path() / "a", O_RDONLY);
  const UniqueFd b = open_file(dir.path() / "b", O_RDONLY);
  int out[2];
  REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  const UniqueFd out_read(out[0]);
  UniqueFd out_write(out[1]);
  // 3 and 4 may be our own numbers of b and a: neither may overwrite the other.
  ChildProcess child({.argv = {"sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd | tr '\\n' ' '"},
                      .stdout_fd = out_write.get(),
                      .extra_fds = {{b.get(), 3}, {a.get(), 4}}});
  out_write.reset();
  CHECK(child.wait().success());
  std::string text(4096, '\0');
  const auto got = ::read(out_read.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  CHECK(text == "ba0 1 2 3 4 5 ");  // 5 is the directory that ls reads
}

TEST_CASE("A stop request kills the child with its whole group and throws Interrupted") {
  const TempDir dir;
  const std::string note = (dir.path() / "pid").string();
  std::stop_source stop;
  std::jthread stopper([&] {
    eventually([&] { return fs::exists(note) && fs::file_size(note) > 0; });
    stop.request_stop();
  });
  CHECK_THROWS_AS(run({.argv = {"sh", "-c", "sleep 1000 & echo $! >" + note + "; wait"}}, {}, stop.get_token()),
                  Interrupted);
  const pid_t grandchild = std::stoi(read_file(note));
  CHECK(eventually([&] { return !is_running(grandchild); }));
}

TEST_CASE("A child that closed its outputs can still be stopped") {
  std::stop_source stop;
  const TempDir dir;
  const std::string note = (dir.path() / "closed").string();
  std::jthread stopper([&] {
    eventually([&] { return fs::exists(note); });
    stop.request_stop();
  });
  CHECK_THROWS_AS(
      run({.argv = {"sh", "-c", "exec >/dev/null 2>&1; : >" + note + "; exec sleep 1000"}}, {}, stop.get_token()),
      Interrupted);
}

TEST_CASE("A request made before the start is honoured") {
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(run({.argv = {"sleep", "1000"}}, {}, stop.get_token()), Interrupted);
}

TEST_CASE("A child is polled, waited for with a limit, signalled and reaped") {
  ChildProcess child({.argv = {"sleep", "1000"}});
  CHECK_FALSE(child.poll());
  CHECK_FALSE(child.wait_for(20ms));
  child.kill(SIGTERM);
  const auto status = child.wait_for(30s);
  REQUIRE(status);
  CHECK(status->signal == SIGTERM);
  CHECK(child.poll() == status);
  CHECK(child.wait() == *status);
}

TEST_CASE("A child ends with its object") {
  pid_t pid = 0;
  {
    ChildProcess child({.argv = {"sleep", "1000"}});
    pid = child.pid();
    ChildProcess moved(std::move(child));
    CHECK(is_running(pid));
  }
  CHECK_FALSE(is_running(pid));
}

TEST_CASE("A child dies when the process that started it is killed") {
  const TempDir dir;
  const fs::path note = dir.path() / "pid";
  const pid_t parent = ::fork();
  if (parent == 0) {
    ChildProcess child({.argv = {"sleep", "1000"}});
    write_file_atomic(note, std::to_string(child.pid()));
    ::pause();
    ::_exit(0);
  }
  REQUIRE(eventually([&] { return fs::exists(note); }));
  const pid_t grandchild = std::stoi(read_file(note));
  CHECK(is_running(grandchild));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  // In a container nobody may reap orphans: a zombie is dead too.
  CHECK(eventually([&] {
    const auto stat = read_file_if_exists("/proc/" + std::to_string(grandchild) + "/stat");
    return !stat || stat->find(") Z ") != std::string::npos;
  }));
}

TEST_CASE("The child starts with default signal handling and nothing blocked") {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const auto before_user = ::signal(SIGUSR1, SIG_IGN);
  const auto done = shell("sed -n -E 's/^Sig(Blk|Ign):.//p' /proc/self/status");
  ::signal(SIGPIPE, before);
  ::signal(SIGUSR1, before_user);
  const auto lines = split(done.out, '\n');
  REQUIRE(lines.size() == 3);
  CHECK(std::stoull(lines[0], nullptr, 16) == 0);
  // Signals from 32 on are the C library's own and nobody's to reset: whoever started this test may have ignored one.
  CHECK((std::stoull(lines[1], nullptr, 16) & 0x7fffffffU) == 0);
}

TEST_CASE("Programs are found in PATH, and a missing one names its package") {
  CHECK(find_program("sh"));
  CHECK(find_program("/bin/sh") == "/bin/sh");
  CHECK_FALSE(find_program("no-such-program-here"));
  CHECK_FALSE(find_program("/no/such/program"));
  CHECK_FALSE(find_program(""));
  CHECK(require_program("sh", "dash").filename() == "sh");
  try {
    (void)require_program("no-such-program-here", "some-package");
    FAIL("found");
  } catch (const Error& error) {
    CHECK(render(error.first()) ==
          "error: the program 'no-such-program-here' is not installed [B011]\n"
          "hint: install it with: apt-get install some-package\n");
    CHECK(error.exit_code() == 6);
  }
}

TEST_CASE("A directory in PATH with the name of a program is not the program") {
  const TempDir dir;
  fs::create_directory(dir.path() / "sh");
  const std::string before = ::getenv("PATH");
  ::setenv("PATH", (dir.path().string() + ":" + before).c_str(), 1);
  const auto found = find_program("sh");
  ::setenv("PATH", before.c_str(), 1);
  REQUIRE(found);
  CHECK(fs::is_regular_file(*found));
}
