#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/rootfs/build_root.h"
#include "small_root.h"

using namespace blueprint;
using rootfs::BuildRoot;
using rootfs::RunOptions;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kPrograms = {"sh", "cat", "ls",   "id",    "sleep", "perl", "mkdir",
                                            "ln", "rm",  "stat", "touch", "env",   "sort"};

struct Output {
  ExitStatus status;
  std::string text;
};

Output run_in(BuildRoot& root, RunOptions options, std::stop_token stop = {}) {
  Output output;
  output.status = root.run(
      options, [&](std::string_view chunk) { output.text += chunk; }, stop);
  return output;
}

Output shell(BuildRoot& root, const std::string& script) { return run_in(root, {.argv = {"/bin/sh", "-c", script}}); }

/// A plain root with the programs above, and an overlay root on top of it.
struct Fixture {
  TempDir directory;
  fs::path parent = directory.path() / "parent";
  std::optional<BuildRoot> overlay;

  Fixture() {
    fs::create_directories(parent);
    test::make_small_root(parent, kPrograms);
    fs::create_directories(directory.path() / "work");
    overlay.emplace(BuildRoot::Options{.lower = {parent}, .work = directory.path() / "work", .epoch = 1700000000});
  }
  [[nodiscard]] fs::path upper() const { return directory.path() / "work/upper"; }
};

std::set<std::string> names_below(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    names.insert(entry.path().lexically_relative(directory).string());
  }
  return names;
}

}  // namespace

TEST_CASE("a command runs in the root and its exit code, signal and output come back") {
  Fixture f;
  const Output hello = shell(*f.overlay, "echo out; echo err >&2; echo again; exit 7");
  CHECK(hello.status == ExitStatus{.code = 7});
  CHECK(hello.text == "out\nerr\nagain\n");
  CHECK(shell(*f.overlay, "sh -c 'kill -9 $$' 2> /dev/null; echo $?").text.starts_with("137\n"));
  CHECK(run_in(*f.overlay, {.argv = {"cat"}, .input = "typed\n"}).text == "typed\n");
  const Output missing = run_in(*f.overlay, {.argv = {"no-such-program"}});
  CHECK(missing.status.code == 127);
  CHECK(missing.text.find("no-such-program") != std::string::npos);
}

TEST_CASE("only what a command changed is in the upper directory") {
  Fixture f;
  CHECK(shell(*f.overlay, "echo new > /new; rm /etc/group; ls -d /bin > /dev/null; echo t > /tmp/t; echo r > /run/r")
            .status.success());
  f.overlay->close();
  CHECK(names_below(f.upper()) == std::set<std::string>{"new", "etc", "etc/group"});
  struct stat whiteout {};
  REQUIRE(::lstat((f.upper() / "etc/group").c_str(), &whiteout) == 0);
  CHECK(S_ISCHR(whiteout.st_mode));
  CHECK(whiteout.st_rdev == 0);
}

TEST_CASE("this process and the command see the same tree") {
  Fixture f;
  f.overlay->root().write_file("etc/from-outside", "outside\n");
  CHECK(shell(*f.overlay, "cat /etc/from-outside; echo inside > /etc/from-inside").text == "outside\n");
  CHECK(f.overlay->root().read_file("etc/from-inside") == "inside\n");
  CHECK(f.overlay->root().read_file("bin/sh").size() > 1000);
}

TEST_CASE("the root directory keeps its parent's mode and owner") {
  TempDir directory;
  fs::create_directories(directory.path() / "parent");
  fs::create_directories(directory.path() / "work");
  REQUIRE(::chmod((directory.path() / "parent").c_str(), 0711) == 0);
  REQUIRE(::chown((directory.path() / "parent").c_str(), 12, 34) == 0);
  const BuildRoot root({.lower = {directory.path() / "parent"}, .work = directory.path() / "work"});
  const auto status = root.root().status("");
  REQUIRE(status);
  CHECK((status->st_mode & 07777) == 0711);
  CHECK(status->st_uid == 12);
  CHECK(status->st_gid == 34);
}

TEST_CASE("hundreds of trees stack in their order") {
  TempDir directory;
  BuildRoot::Options options{.lower = {}, .work = directory.path() / "work"};
  fs::create_directories(options.work);
  for (int i = 0; i < 300; ++i) {
    options.lower.push_back(directory.path() / "a-tree-with-a-rather-long-name, a comma and a: colon" /
                            std::to_string(i));
    fs::create_directories(options.lower.back());
    write_file_atomic(options.lower.back() / std::to_string(i), "");
    write_file_atomic(options.lower.back() / "top", std::to_string(i));
  }
  BuildRoot root(options);
  CHECK(root.root().read_file("top") == "299");
  CHECK(root.root().status("0"));
  CHECK(root.root().status("155"));
}

TEST_CASE("a tree that is stacked twice counts once, where it is topmost") {
  Fixture f;
  const fs::path first = f.directory.path() / "first";
  const fs::path second = f.directory.path() / "second";
  for (const auto& [tree, text] : {std::pair(first, "first"), std::pair(second, "second")}) {
    fs::create_directories(tree);
    write_file_atomic(tree / "file", text);
  }
  fs::create_directories(f.directory.path() / "other");
  BuildRoot root({.lower = {f.parent, first, second, first, f.parent, first}, .work = f.directory.path() / "other"});
  CHECK(shell(root, "cat /file").text == "first");
}

TEST_CASE("the fsync family does nothing and succeeds") {
  Fixture f;
  // 74 fsync, 75 fdatasync, 306 syncfs on a descriptor that is not open: EBADF from the kernel, 0 from the filter.
  const Output output =
      shell(*f.overlay, "LC_ALL=C perl -e 'print join(\",\", map { syscall($_, 999) } (74, 75, 306)), \"\\n\"'");
  CHECK(output.text == "0,0,0\n");
}

TEST_CASE("a command sees a small fixed world") {
  Fixture f;
  const Output output =
      shell(*f.overlay,
            "umask; cat /proc/sys/kernel/hostname; id -u; ls /dev; stat -c %a /tmp /run/lock /dev/shm; "
            "LC_ALL=C perl -ne 'print qq{$1\\n} if /(\\w+):/' /proc/net/dev; env | sort");
  CHECK(output.status.success());
  CHECK(output.text ==
        "0022\nblueprint\n0\n"
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
        "1777\n1777\n1777\nlo\n"
        "DEBIAN_FRONTEND=noninteractive\nHOME=/root\nLC_ALL=C.UTF-8\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "PWD=/\nSOURCE_DATE_EPOCH=1700000000\nTZ=UTC\n");
  CHECK(shell(*f.overlay, "cat /proc/self/cgroup").text.find("blueprint-") == std::string::npos);
  CHECK_FALSE(shell(*f.overlay, "echo 1 > /proc/sys/kernel/sysrq").status.success());
  CHECK_FALSE(shell(*f.overlay, "mkdir /sys/kernel/x").status.success());
}

TEST_CASE("user, groups, directory and environment are as asked") {
  Fixture f;
  const Output output = run_in(*f.overlay, {.argv = {"sh", "-c", "id -u; id -g; id -G; pwd; echo $X $TZ"},
                                            .environment = {"X=y", "TZ=Asia/Tokyo"},
                                            .workdir = "/usr/bin",
                                            .uid = 1000,
                                            .gid = 1001,
                                            .groups = {1002}});
  CHECK(output.text == "1000\n1001\n1001 1002\n/usr/bin\ny Asia/Tokyo\n");
}

TEST_CASE("secrets are readable while the command runs and never in the tree") {
  Fixture f;
  const Output output =
      run_in(*f.overlay, {.argv = {"sh", "-c", "cat /run/secrets/token; stat -c %a:%u /run/secrets/token"},
                          .uid = 1000,
                          .gid = 1000,
                          .secret_files = {{"token", "canary-7261"}}});
  CHECK(output.text == "canary-7261400:1000\n");
  CHECK(shell(*f.overlay, "ls /run").text.find("secrets") == std::string::npos);
  f.overlay->close();
  CHECK(run({.argv = {"grep", "-r", "canary-7261", (f.directory.path() / "work").string()}}).out.empty());
}

TEST_CASE("with the host's network the host's resolv.conf is there and leaves no trace") {
  Fixture f;
  const std::string expected = read_file_if_exists("/etc/resolv.conf").value_or("");
  const RunOptions read{.argv = {"cat", "/etc/resolv.conf"}, .host_network = true};
  SECTION("when the root has none") {
    CHECK(run_in(*f.overlay, read).text == expected);
    CHECK_FALSE(f.overlay->root().status("etc/resolv.conf"));
  }
  SECTION("when the root has a link into /run") {
    fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", f.parent / "etc/resolv.conf");
    CHECK(run_in(*f.overlay, read).text == expected);
    CHECK(names_below(f.upper()).count("etc/resolv.conf") == 0);
  }
  SECTION("when the root has its own file") {
    write_file_atomic(f.parent / "etc/resolv.conf", "nameserver 192.0.2.1\n");
    CHECK(run_in(*f.overlay, read).text == expected);
    CHECK(f.overlay->root().read_file("etc/resolv.conf") == "nameserver 192.0.2.1\n");
  }
  SECTION("and a command may put its own in place") {
    CHECK(run_in(*f.overlay,
                 {.argv = {"sh", "-c", "rm /etc/resolv.conf; echo mine > /etc/resolv.conf"}, .host_network = true})
              .status.success());
    CHECK(f.overlay->root().read_file("etc/resolv.conf") == "mine\n");
  }
}

TEST_CASE("mount points that the image lacks do not stay") {
  TempDir directory;
  const fs::path parent = directory.path() / "parent";
  test::make_small_root(parent, {"sh"});
  for (const char* name : {"proc", "sys", "dev", "tmp", "run"}) fs::remove(parent / name);
  fs::create_directories(directory.path() / "work");
  BuildRoot root({.lower = {parent}, .work = directory.path() / "work"});
  CHECK(shell(root, "echo x > /tmp/x").status.success());
  root.close();
  CHECK(names_below(directory.path() / "work/upper").empty());
}

TEST_CASE("what is mounted is seen at any path, can be changed, and leaves no mount point") {
  Fixture f;
  const fs::path cache = f.directory.path() / "cache";
  const fs::path seen = f.directory.path() / "seen";
  fs::create_directory(cache);
  write_file_atomic(seen, "text\n");
  const auto times_of = [&](const char* path) { return f.overlay->root().status(path)->st_mtim.tv_nsec; };
  const auto etc_before = times_of("etc");
  const std::vector<RunOptions::Mount> mounts = {{.source = cache, .target = "/var/cache/deep/tool"},
                                                 {.source = seen, .target = "/etc/seen.conf"}};
  const Output output =
      run_in(*f.overlay,
             {.argv = {"/bin/sh", "-c", "cat /etc/seen.conf; echo kept > /var/cache/deep/tool/x; ls /var/cache/deep"},
              .mounts = mounts});
  CHECK(output.text == "text\ntool\n");
  CHECK(read_file(cache / "x") == "kept\n");
  CHECK_FALSE(f.overlay->root().status("var/cache/deep"));
  CHECK_FALSE(f.overlay->root().status("etc/seen.conf"));
  CHECK(times_of("etc") == etc_before);
  // What the command puts beside a mount point stays, with the directories that hold it.
  CHECK(run_in(*f.overlay, {.argv = {"/bin/sh", "-c", "echo beside > /var/cache/deep/own"}, .mounts = mounts})
            .status.success());
  CHECK(f.overlay->root().read_file("var/cache/deep/own") == "beside\n");
  CHECK_FALSE(f.overlay->root().status("var/cache/deep/tool"));
}

TEST_CASE("a directory in memory is empty, holds what it may, and leaves nothing") {
  Fixture f;
  const Output output =
      run_in(*f.overlay, {.argv = {"/bin/sh", "-c", "ls -A /opt/memory; echo x >/opt/memory/x && cat /opt/memory/x"},
                          .uid = 1000,
                          .mounts = {{.source = {}, .target = "/opt/memory", .size_bytes = 65536}}});
  CHECK(output.text == "x\n");
  CHECK(output.status.success());
  CHECK(names_below(f.upper()).empty());
}

TEST_CASE("staged files move into a root with and without parents") {
  TempDir directory;
  fs::create_directories(directory.path() / "parent");
  for (const bool with_parent : {false, true}) {
    const fs::path work = directory.path() / (with_parent ? "overlay" : "plain");
    fs::create_directories(work);
    BuildRoot::Options options{.lower = {}, .work = work};
    if (with_parent) options.lower.push_back(directory.path() / "parent");
    BuildRoot root(options);
    const RootDir staging = root.make_staging();
    staging.write_file("1", "one");
    staging.write_file("2", "two");
    REQUIRE(::renameat(staging.fd(), "1", root.root().fd(), "moved") == 0);
    root.remove_staging();
    root.close();
    CHECK(names_below(work / "upper") == std::set<std::string>{"moved"});
  }
}

namespace {

/// PATH is `directory` while this lives: find_program() sees its programs only, and those of the sbin directories.
class OnlyPath {
 public:
  explicit OnlyPath(const fs::path& directory) : before_(std::getenv("PATH")) {
    ::setenv("PATH", directory.c_str(), 1);
  }
  ~OnlyPath() { ::setenv("PATH", before_.c_str(), 1); }
  OnlyPath(const OnlyPath&) = delete;
  OnlyPath& operator=(const OnlyPath&) = delete;

 private:
  std::string before_;
};

/// A runtime that fails as runc does when it cannot start a container.
constexpr const char* kBrokenRuntime =
    "#!/bin/sh\nwhile [ $# -gt 0 ]; do\n"
    "  if [ \"$1\" = --log ]; then echo '{\"level\":\"error\",\"msg\":\"the cgroups are odd\"}' > \"$2\"; fi\n"
    "  shift\ndone\nexit 1\n";

}  // namespace

TEST_CASE("a runtime that cannot start a container is given up for the next, and the last one is named") {
  Fixture f;
  f.overlay.reset();
  const fs::path bin = f.directory.path() / "bin";
  const fs::path work = f.directory.path() / "work-2";
  fs::create_directories(bin);
  fs::create_directories(work);
  fs::create_symlink(require_program("unshare", "util-linux"), bin / "unshare");
  const fs::path runtime = require_program("runc", "runc");
  write_file_atomic(bin / "runc", kBrokenRuntime, 0755);
  SECTION("the next works") {
    fs::create_symlink(runtime, bin / "crun");
    const OnlyPath only(bin);
    BuildRoot root({.lower = {f.parent}, .work = work});
    CHECK(shell(root, "echo fine").text == "fine\n");
  }
  SECTION("all are broken") {
    write_file_atomic(bin / "crun", kBrokenRuntime, 0755);
    const OnlyPath only(bin);
    BuildRoot root({.lower = {f.parent}, .work = work});
    CHECK_THROWS_WITH(shell(root, "echo fine"), Catch::Contains("crun cannot start a container: the cgroups are odd"));
  }
  SECTION("no namespaces can be made") {
    fs::remove(bin / "unshare");
    write_file_atomic(bin / "unshare", "#!/bin/sh\necho no >&2\nexit 1\n", 0755);
    const OnlyPath only(bin);
    BuildRoot root({.lower = {f.parent}, .work = work});
    CHECK_THROWS_WITH(shell(root, "echo fine"), Catch::Contains("unshare could not make its namespaces"));
  }
}

TEST_CASE("a stop request kills the command and everything that it started") {
  Fixture f;
  std::stop_source source;
  std::string text;
  const RunOptions options{.argv = {"sh", "-c", "sleep 1000 & sleep 1001 & echo ready; wait"}};
  CHECK_THROWS_AS(f.overlay->run(
                      options,
                      [&](std::string_view chunk) {
                        text += chunk;
                        if (text == "ready\n") source.request_stop();
                      },
                      source.get_token()),
                  Interrupted);
  CHECK(shell(*f.overlay, "echo usable").text == "usable\n");
}

TEST_CASE("a kill -9 leaves no process and no mount") {
  Fixture f;
  f.overlay.reset();
  const fs::path work = f.directory.path() / "work-2";
  fs::create_directories(work);
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    BuildRoot root({.lower = {f.parent}, .work = work});
    // The descendants hold the write end of a pipe: its end of file is their death.
    root.run({.argv = {"sh", "-c", "sleep 1000 & echo ready; sleep 1001"}},
             [&](std::string_view) { [[maybe_unused]] const auto n = ::write(ready[1], "x", 1); }, {});
    ::_exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  const auto leftovers = [&] {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code ignored;
      const std::string cwd = fs::read_symlink(entry.path() / "root", ignored).string();
      if (!ignored && cwd.starts_with(work.string())) found.push_back(entry.path().string());
      std::ostringstream command;
      command << std::ifstream(entry.path() / "cmdline").rdbuf();
      if (command.str().find(work.string()) != std::string::npos) found.push_back(printable(command.str()));
    }
    return found;
  };
  // Death by PR_SET_PDEATHSIG is asynchronous: wait for the fact, with a deadline far above what it takes.
  for (int i = 0; i < 1000 && !leftovers().empty(); ++i) ::usleep(10'000);
  CHECK(leftovers().empty());
  CHECK(read_file("/proc/self/mounts").find(work.string()) == std::string::npos);
  CHECK_NOTHROW(remove_tree(work));
}
