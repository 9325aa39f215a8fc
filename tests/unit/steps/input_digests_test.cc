#include "builder/steps/input_digests.h"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "layers/data_digest.h"

using namespace blueprint;
using steps::InputDigests;

namespace {

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

void set_old(const std::filesystem::path& path) {
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("the digest of an input file is its data digest") {
  const TempDir directory;
  const auto file = directory.path() / "input";
  write_file_atomic(file, "hello\n");
  InputDigests digests(directory.path() / "cache");
  CHECK(digests.file(file.string(), status_of(file)) == layers::data_digest("hello\n"));
}

TEST_CASE("a file changed within the racy window is not remembered") {
  const TempDir directory;
  const auto file = directory.path() / "input";
  write_file_atomic(file, "hello\n");
  set_old(file);  // its change time is now all the same
  InputDigests digests(directory.path() / "cache");
  (void)digests.file(file.string(), status_of(file));
  digests.save();
  CHECK_FALSE(std::filesystem::exists(directory.path() / "cache"));
}

TEST_CASE("a damaged cache file counts as empty") {
  const TempDir directory;
  const auto file = directory.path() / "input";
  write_file_atomic(file, "hello\n");
  write_file_atomic(directory.path() / "cache", std::string("blueprint inputs 1\n\x05"
                                                            "ab",
                                                            22));
  InputDigests digests(directory.path() / "cache");
  CHECK(digests.file(file.string(), status_of(file)) == layers::data_digest("hello\n"));
}

TEST_CASE("a file that is not as long as it was is an error") {
  const TempDir directory;
  const auto file = directory.path() / "input";
  write_file_atomic(file, "hello\n");
  struct stat before = status_of(file);
  before.st_size = 3;
  InputDigests digests(directory.path() / "cache");
  CHECK_THROWS_WITH(digests.file(file.string(), before), Catch::Contains("R112"));
}
