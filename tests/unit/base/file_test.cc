#include "base/file.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "";
}

/// Runs `child` in a forked process and returns its exit code.
int in_child(const std::function<int()>& child) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("A file is read as it is, and a missing one is told or nothing") {
  const TempDir dir;
  const std::string binary("a\0\xff\n", 4);
  write_file_atomic(dir.path() / "f", binary);
  CHECK(read_file(dir.path() / "f") == binary);
  CHECK(read_file_if_exists(dir.path() / "f") == binary);
  CHECK_FALSE(read_file_if_exists(dir.path() / "missing"));
  CHECK_FALSE(read_file_if_exists(dir.path() / "f/below-a-file"));
  CHECK(code_of([&] { (void)read_file(dir.path() / "missing"); }) == "B001");
  CHECK(code_of([&] { (void)read_file_if_exists(dir.path()); }) == "B001");
}

TEST_CASE("A file of the kernel that says size 0 is read whole") { CHECK(read_file("/proc/self/status").size() > 100); }

TEST_CASE("A read behind the end of a file is an error of the store that says where") {
  const TempDir dir;
  write_file_atomic(dir.path() / "f", "12345");
  const UniqueFd fd = open_file(dir.path() / "f", O_RDWR);
  std::vector<std::byte> bytes(4);
  pread_all(fd.get(), bytes, 1, "f");
  CHECK(static_cast<char>(bytes[3]) == '5');
  try {
    pread_all(fd.get(), bytes, 3, "blob f");
    FAIL("read more than there is");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "error: blob f ends at byte 5, 2 bytes too early [S021]");
  }
}

TEST_CASE("A full device is reported as such") {
  const UniqueFd full = open_file("/dev/full", O_WRONLY);
  CHECK(code_of([&] { write_all(full.get(), "x", "blob"); }) == "B002");
}

TEST_CASE("An atomic file has its name only after commit") {
  const TempDir dir;
  const fs::path path = dir.path() / "blob";
  {
    AtomicFile file(path);
    file.write("half");
    CHECK_FALSE(fs::exists(path));
  }
  CHECK(names_in(dir.path()).empty());
  AtomicFile file(path, 0600);
  file.write("whole");
  file.commit();
  CHECK(read_file(path) == "whole");
  CHECK(names_in(dir.path()) == std::vector<std::string>{"blob"});
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("The mode of an atomic file does not depend on the umask") {
  const TempDir dir;
  const mode_t before = ::umask(0077);
  write_file_atomic(dir.path() / "f", "", 0644);
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat((dir.path() / "f").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("A reader beside a writer sees one whole version or the other") {
  const TempDir dir;
  const fs::path path = dir.path() / "f";
  write_file_atomic(path, std::string(300'000, 'a'));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      AtomicFile file(path);
      for (int piece = 0; piece < 3; ++piece) file.write(std::string(100'000, i % 2 == 0 ? 'b' : 'a'));
      file.commit(Durable::No);
    }
    done = true;
  });
  bool whole = true;
  while (!done) {
    const std::string text = read_file(path);
    whole = whole && text.size() == 300'000 && text.find_first_not_of(text[0]) == std::string::npos;
  }
  writer.join();
  CHECK(whole);
}

TEST_CASE("A moved atomic file belongs to its new owner") {
  const TempDir dir;
  AtomicFile first(dir.path() / "f");
  first.write("x");
  {
    AtomicFile second(std::move(first));
    second.commit(Durable::No);
  }
  CHECK(read_file(dir.path() / "f") == "x");
}

TEST_CASE("An atomic file in a directory that does not exist is an error") {
  const TempDir dir;
  CHECK(code_of([&] { AtomicFile(dir.path() / "no" / "f"); }) == "B001");
}

TEST_CASE("A temporary directory goes with its object unless it is kept") {
  const TempDir parent;
  fs::path kept;
  {
    const TempDir gone(parent.path(), "gone-");
    write_file_atomic(gone.path() / "f", "x");
    TempDir stays(parent.path(), "stays-");
    TempDir moved(std::move(stays));
    kept = moved.keep();
  }
  CHECK(names_in(parent.path()) == std::vector<std::string>{kept.filename()});
}

TEST_CASE("A tree with closed directories is removed, and links are not followed") {
  const TempDir dir;
  const fs::path outside = dir.path() / "outside";
  const fs::path tree = dir.path() / "tree";
  fs::create_directories(outside);
  write_file_atomic(outside / "precious", "x");
  fs::create_directories(tree / "a/b/c");
  write_file_atomic(tree / "a/b/c/file", "x");
  fs::create_directory_symlink(outside, tree / "a/link");
  fs::create_symlink("nowhere", tree / "dangling");
  ::mkfifo((tree / "pipe").c_str(), 0600);
  ::chmod((tree / "a/b/c").c_str(), 0);
  ::chmod((tree / "a/b").c_str(), 0555);
  // Root may read and write what it likes; an ordinary user must be able to remove the tree too.
  const int result = in_child([&] {
    if (::geteuid() == 0) {
      for (const auto& path : {tree, tree / "a", tree / "a/b", tree / "a/b/c", dir.path()}) {
        if (::chown(path.c_str(), 12345, 12345) != 0) return 2;
      }
      if (::setgid(12345) != 0 || ::setuid(12345) != 0) return 3;
    }
    try {
      remove_tree(tree);
    } catch (const Error&) {
      return 1;
    }
    return 0;
  });
  CHECK(result == 0);
  CHECK_FALSE(fs::exists(tree));
  CHECK(read_file(outside / "precious") == "x");
}

TEST_CASE("Removing a link to a directory removes the link") {
  const TempDir dir;
  fs::create_directory(dir.path() / "real");
  fs::create_directory_symlink("real", dir.path() / "link");
  remove_tree(dir.path() / "link");
  CHECK(names_in(dir.path()) == std::vector<std::string>{"real"});
}

TEST_CASE("Removing what is not there is fine") {
  const TempDir dir;
  remove_tree(dir.path() / "missing");
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("A tree deeper than the limit of open files is removed") {
  const TempDir dir;
  UniqueFd at = open_file(dir.path(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 3000; ++depth) {
    REQUIRE(::mkdirat(at.get(), "d", 0755) == 0);
    at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(at);
  }
  at.reset();
  const int result = in_child([&] {
    const rlimit few{.rlim_cur = 32, .rlim_max = 32};
    return ::setrlimit(RLIMIT_NOFILE, &few) == 0 && code_of([&] { remove_tree(dir.path() / "d"); }).empty() ? 0 : 1;
  });
  CHECK(result == 0);
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("A mount point inside a tree is not crossed") {
  const TempDir dir;
  const fs::path mounted = dir.path() / "tree/mounted";
  fs::create_directories(mounted);
  const int result = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", mounted.c_str(), "tmpfs", 0, nullptr) != 0) {
      return 77;
    }
    write_file_atomic(mounted / "precious", "x");
    const std::string code = code_of([&] { remove_tree(dir.path() / "tree"); });
    return code == "B001" && read_file_if_exists(mounted / "precious") == "x" ? 0 : 1;
  });
  if (result == 77) {
    WARN("skipped: this process may not mount");
    return;
  }
  CHECK(result == 0);
}

TEST_CASE("A lock is held against other processes until it goes") {
  const TempDir dir;
  const fs::path path = dir.path() / "lock";
  const auto free_for_other = [&](FileLock::Mode mode) {
    return in_child([&] { return FileLock::try_lock(path, mode) ? 1 : 0; }) == 1;
  };
  {
    const FileLock lock(path, FileLock::Mode::Exclusive);
    CHECK_FALSE(free_for_other(FileLock::Mode::Exclusive));
    CHECK_FALSE(free_for_other(FileLock::Mode::Shared));
    CHECK_FALSE(FileLock::try_lock(path, FileLock::Mode::Shared));
  }
  {
    const FileLock lock(path, FileLock::Mode::Shared);
    CHECK(free_for_other(FileLock::Mode::Shared));
    CHECK_FALSE(free_for_other(FileLock::Mode::Exclusive));
  }
  CHECK(free_for_other(FileLock::Mode::Exclusive));
}

TEST_CASE("A lock ends with the process that held it, and the one who waits gets it") {
  const TempDir dir;
  const fs::path path = dir.path() / "lock";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const FileLock lock(path, FileLock::Mode::Exclusive);
    (void)!::write(ready[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_FALSE(FileLock::try_lock(path, FileLock::Mode::Exclusive));
  std::thread killer([&] { ::kill(holder, SIGKILL); });
  const FileLock lock(path, FileLock::Mode::Exclusive);
  killer.join();
  ::waitpid(holder, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(fs::exists(path));
}
