#include "base/root_dir.h"

#include <atomic>
#include <climits>
#include <filesystem>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

/// A root and, beside it, what must not be reached from it.
struct Place {
  TempDir dir;
  fs::path root = dir.path() / "root";
  fs::path outside = dir.path() / "outside";
  Place() {
    fs::create_directories(root);
    fs::create_directories(outside);
    write_file_atomic(outside / "secret", "outside");
  }
};

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "";
}

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("Names with .. stay inside the root, as in a chroot") {
  Place place;
  const RootDir root(place.root);
  fs::create_directory(place.root / "outside");
  write_file_atomic(place.root / "outside/secret", "inside");
  CHECK(root.read_file("../outside/secret") == "inside");
  CHECK(root.read_file("/../../../outside/secret") == "inside");
  CHECK(root.read_file("outside/../../../outside/secret") == "inside");
}

TEST_CASE("Absolute and climbing links are followed inside the root") {
  Place place;
  const RootDir root(place.root);
  fs::create_directory(place.root / "etc");
  write_file_atomic(place.root / "etc/name", "inside");
  fs::create_symlink("/etc", place.root / "absolute");
  fs::create_symlink("../../../../../../etc", place.root / "climbing");
  CHECK(root.read_file("absolute/name") == "inside");
  CHECK(root.read_file("climbing/name") == "inside");
  fs::create_directory_symlink(place.outside, place.root / "door");
  CHECK_FALSE(root.read_file_if_exists("door/secret"));
  CHECK(code_of([&] { root.write_file("door/new", "x"); }) == "B001");
  CHECK_FALSE(fs::exists(place.outside / "new"));
}

TEST_CASE("Nothing is written, made or removed through a link that leads out") {
  Place place;
  const RootDir root(place.root);
  ::chmod(place.outside.c_str(), 0700);
  fs::create_directory_symlink(place.outside, place.root / "door");
  fs::create_symlink(place.outside / "secret", place.root / "file");
  CHECK(code_of([&] { root.write_file("file", "overwritten"); }) == "B001");
  CHECK(code_of([&] { root.make_directories("door/new"); }) == "B001");
  CHECK(code_of([&] { root.make_directories("door"); }) == "B001");
  root.remove_file("door/secret");
  root.remove_file("file");
  CHECK(read_file(place.outside / "secret") == "outside");
  CHECK_FALSE(fs::exists(place.outside / "new"));
  CHECK(mode_of(place.outside) == 0700);
  CHECK_FALSE(fs::is_symlink(place.root / "file"));
}

TEST_CASE("Magic links of /proc are refused") {
  const RootDir root("/proc/self");
  CHECK(code_of([&] { (void)root.open("root/etc", O_PATH); }) == "B001");
}

TEST_CASE("A concurrent swap of a directory for a link never lets a write out") {
  Place place;
  const RootDir root(place.root);
  fs::create_directory(place.root / "dir");
  fs::create_directory_symlink(place.outside, place.root / "link");
  std::atomic<bool> done = false;
  std::thread swapper([&] {
    while (!done)
      ::renameat2(AT_FDCWD, (place.root / "dir").c_str(), AT_FDCWD, (place.root / "link").c_str(), RENAME_EXCHANGE);
  });
  int written = 0;
  for (int i = 0; i < 3000; ++i) {
    try {
      root.write_file("dir/victim", "x");
      ++written;
    } catch (const Error&) {
      // The name was the link just now, which leads nowhere inside the root.
    }
  }
  done = true;
  swapper.join();
  CHECK_FALSE(fs::exists(place.outside / "victim"));
  CHECK(written > 0);
}

TEST_CASE("A place is the real parent and the last component") {
  Place place;
  const RootDir root(place.root);
  fs::create_directories(place.root / "usr/lib");
  fs::create_symlink("usr/lib", place.root / "lib");
  const auto found = root.place("lib/new/");
  CHECK(found.name == "new");
  CHECK(::mkdirat(found.directory.get(), found.name.c_str(), 0755) == 0);
  CHECK(fs::is_directory(place.root / "usr/lib/new"));
  for (const std::string path : {"", "/", "a/..", ".", "usr/."}) {
    CAPTURE(path);
    CHECK(code_of([&] { (void)root.place(path); }) == "S030");
  }
}

TEST_CASE("A name with a NUL is refused, not cut") {
  Place place;
  const RootDir root(place.root);
  write_file_atomic(place.root / "a", "x");
  using namespace std::string_literals;
  CHECK(code_of([&] { (void)root.open("a\0b"s, O_RDONLY); }) == "B001");
  CHECK(code_of([&] { (void)root.place("a\0b"s); }) == "S030");
  CHECK(code_of([&] { root.remove_file("a\0b"s); }) == "B001");
  CHECK(fs::exists(place.root / "a"));
}

TEST_CASE("A name that is too long is an error") {
  Place place;
  const RootDir root(place.root);
  CHECK(code_of([&] { (void)root.open(std::string(PATH_MAX, 'a'), O_RDONLY); }) == "B001");
}

TEST_CASE("Status does not follow the last link and is nothing for what is missing") {
  Place place;
  const RootDir root(place.root);
  write_file_atomic(place.root / "file", "x");
  fs::create_symlink("/etc", place.root / "link");
  CHECK(S_ISLNK(root.status("link")->st_mode));
  CHECK(S_ISREG(root.status("/file")->st_mode));
  CHECK(S_ISDIR(root.status("")->st_mode));
  CHECK_FALSE(root.status("missing"));
  CHECK_FALSE(root.status("file/below"));
}

TEST_CASE("Directories are made with their parents, with mode 0755 whatever the umask") {
  Place place;
  const RootDir root(place.root);
  fs::create_directory(place.root / "usr");
  ::chmod((place.root / "usr").c_str(), 0700);
  fs::create_symlink("usr", place.root / "link");
  const mode_t before = ::umask(0077);
  root.make_directories("/link/share//doc/");
  ::umask(before);
  CHECK(fs::is_directory(place.root / "usr/share/doc"));
  CHECK(mode_of(place.root / "usr/share/doc") == 0755);
  CHECK(mode_of(place.root / "usr") == 0700);
  root.make_directories("usr/share/doc");
  CHECK(code_of([&] { root.make_directories("a/../b"); }) == "S030");
}

TEST_CASE("A directory is not made over a file") {
  Place place;
  const RootDir root(place.root);
  write_file_atomic(place.root / "file", "x");
  CHECK(code_of([&] { root.make_directories("file"); }) == "B001");
  CHECK(code_of([&] { root.make_directories("file/below"); }) == "B001");
}

TEST_CASE("Reading a pipe or a device that an archive planted neither waits nor reads it") {
  Place place;
  const RootDir root(place.root);
  REQUIRE(::mkfifo((place.root / "pipe").c_str(), 0644) == 0);
  CHECK(code_of([&] { (void)root.read_file("pipe"); }) == "S031");
  CHECK(code_of([&] { (void)root.read_file(""); }) == "S031");
}

TEST_CASE("Files are written with their exact mode and removed") {
  Place place;
  const RootDir root(place.root);
  root.write_file("f", "one", 0604);
  CHECK(mode_of(place.root / "f") == 0604);
  root.write_file("f", "2");
  CHECK(root.read_file("f") == "2");
  root.remove_file("f");
  root.remove_file("f");
  root.remove_file("no/such");
  CHECK_FALSE(root.read_file_if_exists("f"));
}

TEST_CASE("A member's path is cleaned, and a hostile one refused") {
  using namespace std::string_literals;
  CHECK(clean_member_path("./usr//bin/./sh") == "usr/bin/sh");
  CHECK(clean_member_path("/etc/passwd") == "etc/passwd");
  CHECK(clean_member_path("./") == "");
  CHECK(clean_member_path("/") == "");
  CHECK(clean_member_path("") == "");
  CHECK(clean_member_path("a/..b/c..") == "a/..b/c..");
  for (const auto& name : {".."s, "../x"s, "a/../../x"s, "a/.."s, "/.."s, "a\0b"s, std::string(PATH_MAX, 'a')}) {
    CAPTURE(name);
    CHECK_FALSE(clean_member_path(name));
  }
}
