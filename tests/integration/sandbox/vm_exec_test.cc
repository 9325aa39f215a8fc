// What a command in a VM sees and says, in a guest that has nothing but busybox: the agent is its init.

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "guest.h"

namespace blueprint::sandbox::test {
namespace {

/// All sections share one guest: what they ask for is that it does not matter.
Vm& shared_vm() {
  static Guest guest("busybox");
  static const std::unique_ptr<Vm> vm = [] {
    guest.config.disk_bytes = 512ULL << 20;
    guest.config.ports = {{0, 8080}};
    return guest.boot();
  }();
  return *vm;
}

std::string code_of(Vm& vm, const ExecRequest& request) {
  try {
    run_in(vm, request);
  } catch (const Error& error) {
    return error.first().code + ": " + error.first().message;
  }
  return "no error";
}

}  // namespace

TEST_CASE("a command's end is reported as it was") {
  Vm& vm = shared_vm();
  CHECK(run_in(vm, {.argv = {"true"}}).status == ExitStatus{.code = 0, .signal = 0});
  CHECK(run_in(vm, {.argv = {"false"}}).status == ExitStatus{.code = 1, .signal = 0});
  CHECK(run_shell(vm, "exit 42").status == ExitStatus{.code = 42, .signal = 0});
  CHECK(run_shell(vm, "kill -TERM $$").status == ExitStatus{.code = 143, .signal = 15});
  CHECK(run_shell(vm, "kill -9 $$").status == ExitStatus{.code = 137, .signal = 9});
}

TEST_CASE("output and errors come apart, in order and without a byte changed") {
  Vm& vm = shared_vm();
  const auto both = run_shell(vm, "echo out; echo err >&2; printf '\\000\\377'");
  CHECK(both.out == std::string("out\n\0\377", 6));
  CHECK(both.err == "err\n");
}

TEST_CASE("a command sees its user, groups, directory, environment and host name") {
  Vm& vm = shared_vm();
  const auto seen = run_in(vm, {.argv = {"sh", "-c", "id -u; id -G; pwd; echo $HOME $USER $GREETING"},
                                .env = {{"GREETING", "hello there"}},
                                .user = "dev"});
  CHECK(seen.out == "1000\n1000 29\n/home/dev\n/home/dev dev hello there\n");
  CHECK(run_in(vm, {.argv = {"pwd"}, .workdir = "/usr"}).out == "/usr\n");
  CHECK(run_in(vm, {.argv = {"sh", "-c", "id -u; pwd"}, .user = "4242"}).out == "4242\n/\n");
  CHECK(run_in(vm, {.argv = {"hostname"}}).out == "testguest\n");
  CHECK(run_in(vm, {.argv = {"sh", "-c", "echo $PATH"}, .env = {{"PATH", "/bin"}}}).out == "/bin\n");
  CHECK(run_shell(vm, "umask; ulimit -n; cat /proc/self/oom_score_adj").out == "0022\n1024\n0\n");
}

TEST_CASE("a command that cannot be started is an error that says why") {
  Vm& vm = shared_vm();
  CHECK(code_of(vm, {.argv = {"nosuch"}}) == "V011: cannot execute 'nosuch': No such file or directory");
  CHECK(code_of(vm, {.argv = {"/etc/passwd"}}) == "V011: cannot execute '/etc/passwd': Permission denied");
  CHECK(code_of(vm, {.argv = {"true"}, .user = "nosuch"}) ==
        "V011: there is no user 'nosuch' in /etc/passwd: No such file or directory");
  CHECK(code_of(vm, {.argv = {"true"}, .workdir = "/nosuch"}) ==
        "V011: cannot change to the directory '/nosuch': No such file or directory");
  CHECK(code_of(vm, {.argv = {"true", std::string(300 * 1024, 'x')}}) ==
        "V011: its arguments and environment are over 256 KiB");
}

TEST_CASE("stdin reaches the command whole, however slowly it reads, and its end too") {
  Vm& vm = shared_vm();
  std::string input(8'000'000, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 7 + i / 251);
  CHECK(run_shell(vm, "sha256sum", input).out == sha256(input).hex() + "  -\n");
  CHECK(run_in(vm, {.argv = {"wc", "-c"}}).out == "0\n");
  CHECK(run_shell(vm, "head -c 5; exec 0<&-; sleep 0; echo", input).status.success());
}

TEST_CASE("a process that a command leaves behind does not hold up its end") {
  Vm& vm = shared_vm();
  CHECK(run_shell(vm, "sleep 100000 & echo started").out == "started\n");
}

TEST_CASE("a reader that stops holds up its own command and no other") {
  Vm& vm = shared_vm();
  std::mutex mutex;
  std::condition_variable changed;
  bool release = false;
  bool blocked = false;
  std::uint64_t bytes = 0;
  std::thread slow([&] {
    vm.exec({.argv = {"head", "-c", "20000000", "/dev/zero"}},
            {.on_stdout =
                 [&](std::string_view chunk) {
                   bytes += chunk.size();
                   std::unique_lock lock(mutex);
                   blocked = true;
                   changed.notify_all();
                   changed.wait(lock, [&] { return release; });
                 }},
            {});
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return blocked; });
  }
  for (int i = 0; i < 3; ++i) CHECK(run_shell(vm, "head -c 3000000 /dev/zero | wc -c").out == "3000000\n");
  {
    const std::lock_guard lock(mutex);
    release = true;
    changed.notify_all();
  }
  slow.join();
  CHECK(bytes == 20'000'000);
}

TEST_CASE("signals reach the command's process group, and a stopped caller kills it") {
  Vm& vm = shared_vm();
  int signals[2];
  REQUIRE(::pipe2(signals, O_CLOEXEC) == 0);
  const UniqueFd read_end(signals[0]);
  const UniqueFd write_end(signals[1]);
  std::string out;
  const auto status =
      vm.exec({.argv = {"sh", "-c", "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 1; done"}},
              {.on_stdout =
                   [&](std::string_view text) {
                     out += text;
                     const char number = SIGUSR1;
                     if (out == "ready\n") write_all(write_end.get(), std::string_view(&number, 1), "a signal");
                   },
               .signal_fd = read_end.get()},
              {});
  CHECK(out == "ready\ngot\n");
  CHECK(status == ExitStatus{.code = 7, .signal = 0});

  std::stop_source stop;
  const auto begin = [&stop](std::string_view) { stop.request_stop(); };
  CHECK_THROWS_AS(vm.exec({.argv = {"sh", "-c", "echo x; exec sleep 77777"}}, {.on_stdout = begin}, stop.get_token()),
                  Interrupted);
  // The pattern does not match itself.
  CHECK(run_shell(vm,
                  "while for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done 2> /dev/null | "
                  "grep -q '^slee[p] 77777'; do :; done")
            .status.success());
}

TEST_CASE("a terminal has its size, follows changes of it, and ends with its input") {
  Vm& vm = shared_vm();
  std::string out;
  int signals[2];
  REQUIRE(::pipe2(signals, O_CLOEXEC) == 0);
  const UniqueFd read_end(signals[0]);
  const UniqueFd write_end(signals[1]);
  std::pair<std::uint16_t, std::uint16_t> size{50, 132};
  const auto status = vm.exec(
      {.argv = {"sh", "-c", "tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 1; done"},
       .tty = true,
       .rows = 1,
       .columns = 1,
       .term = "vt100"},
      {.on_stdout =
           [&](std::string_view text) {
             out += text;
             if (size.first == 50 && out.find("ready") != std::string::npos) {
               size = {60, 140};
               const char number = SIGWINCH;
               write_all(write_end.get(), std::string_view(&number, 1), "a signal");
             }
           },
       .window = [&] { return std::optional(size); },
       .signal_fd = read_end.get()},
      {});
  INFO(out);
  CHECK(out.find("/dev/pts/") == 0);
  CHECK(out.find("60 140\r\n") != std::string::npos);
  CHECK(status == ExitStatus{.code = 3, .signal = 0});

  // cat ends because the end of the input becomes the terminal's end of file.
  const auto cat = run_in(vm, {.argv = {"cat"}, .tty = true}, "line\n");
  CHECK(cat.status.success());
  CHECK(cat.out.find("line\r\n") != std::string::npos);
}

TEST_CASE("a terminal follows its caller's window though nobody says that it changed") {
  Vm& vm = shared_vm();
  std::string out;
  std::pair<std::uint16_t, std::uint16_t> size{50, 132};
  vm.exec({.argv = {"sh", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 1; done"},
           .tty = true,
           .rows = 50,
           .columns = 132},
          {.on_stdout =
               [&](std::string_view text) {
                 out += text;
                 if (out.find("ready") != std::string::npos) size = {61, 141};
               },
           .window = [&] { return std::optional(size); }},
          {});
  INFO(out);
  CHECK(out.find("61 141\r\n") != std::string::npos);
}

TEST_CASE("files go in and come out as tar") {
  Vm& vm = shared_vm();
  const TempDir directory;
  const auto tree = directory.path() / "tree";
  std::filesystem::create_directories(tree / "sub");
  write_file_atomic(tree / "sub/file", std::string(300'000, 'y') + "end", 0640);
  std::filesystem::create_symlink("sub/file", tree / "link");
  REQUIRE(
      run({.argv = {"tar", "-C", tree.string(), "-cf", (directory.path() / "in.tar").string(), "."}}).status.success());

  vm.put(open_file(directory.path() / "in.tar", O_RDONLY).get(), "/var/put/here", {});
  CHECK(run_shell(vm, "cd /var/put/here; readlink link; wc -c < sub/file; stat -c %a sub/file").out ==
        "sub/file\n300003\n640\n");

  vm.get("/var/put/here", open_file(directory.path() / "out.tar", O_WRONLY | O_CREAT).get(), {});
  const auto back = directory.path() / "back";
  std::filesystem::create_directories(back);
  REQUIRE(run({.argv = {"tar", "-C", back.string(), "-xf", (directory.path() / "out.tar").string()}}).status.success());
  CHECK(run({.argv = {"diff", "-r", "--no-dereference", tree.string(), back.string()}}).status.success());

  CHECK_THROWS_AS(vm.get("/nosuch", open_file("/dev/null", O_WRONLY).get(), {}), Error);
}

TEST_CASE("the root filesystem fills the disk, which is larger than the image") {
  Vm& vm = shared_vm();
  const auto size = run_shell(vm, "df -k / | tail -n 1 | awk '{print $2}'").out;
  CHECK(std::stol(size) > 400'000);
}

TEST_CASE("a port of the guest answers on the host's loopback, and names resolve through the host") {
  Vm& vm = shared_vm();
  // httpd returns once it listens.
  CHECK(run_shell(vm, "echo content > /tmp/page; httpd -p 8080 -h /tmp").status.success());
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(vm.ports().at(8080));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  write_all(socket.get(), "GET /page HTTP/1.0\r\n\r\n", "a request");
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(socket.get(), buffer, sizeof(buffer))) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  CHECK(answer.find("\r\n\r\ncontent\n") != std::string::npos);
  CHECK(run_shell(vm, "cat /etc/resolv.conf").out == "nameserver 10.0.2.3\n");
}

TEST_CASE("QEMU runs without privileges") {
  Vm& vm = shared_vm();
  (void)vm;
  if (::geteuid() != 0) {
    WARN("skipped: these tests do not run as root");
    return;
  }
  bool found = false;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    for (const auto& word : split(read_file(task.path() / "children"), ' ')) {
      if (trim(word).empty()) continue;
      const auto status = read_file(fmt::format("/proc/{}/status", trim(word)));
      if (status.find("Name:\tqemu-system") != 0) continue;
      found = true;
      CHECK(status.find("Uid:\t65534\t65534\t65534\t65534") != std::string::npos);
      CHECK(status.find("CapEff:\t0000000000000000") != std::string::npos);
      CHECK(status.find("Seccomp:\t2") != std::string::npos);
    }
  }
  CHECK(found);
}

}  // namespace blueprint::sandbox::test
