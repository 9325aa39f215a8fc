#include "builder/steps/glob.h"

#include <catch2/catch.hpp>

using blueprint::steps::glob_match;
using blueprint::steps::is_included;

TEST_CASE("a pattern without a slash matches a name at any depth") {
  CHECK(glob_match("*.o", "a.o"));
  CHECK(glob_match("*.o", "src/deep/a.o"));
  CHECK(glob_match("node_modules/", "web/node_modules"));
  CHECK_FALSE(glob_match("*.o", "a.oo"));
}

TEST_CASE("a star stays inside one component and two stars cross them") {
  CHECK(glob_match("src/*.c", "src/a.c"));
  CHECK_FALSE(glob_match("src/*.c", "src/deep/a.c"));
  CHECK(glob_match("src/**/a.c", "src/a.c"));
  CHECK(glob_match("src/**/a.c", "src/x/y/a.c"));
  CHECK(glob_match("**/.git", ".git"));
  CHECK(glob_match("**/.git", "vendor/lib/.git"));
  CHECK_FALSE(glob_match("**/.git", "vendor/.github"));
}

TEST_CASE("a leading slash starts at the top") {
  CHECK(glob_match("/build", "build"));
  CHECK_FALSE(glob_match("/build", "src/build"));
}

TEST_CASE("sets and quotes are fnmatch's") {
  CHECK(glob_match("[a-c]?.txt", "bx.txt"));
  CHECK_FALSE(glob_match("[!a-c]?.txt", "bx.txt"));
  CHECK(glob_match("\\*", "*"));
  CHECK_FALSE(glob_match("\\*", "x"));
}

TEST_CASE("what is in a directory that matches is included") {
  CHECK(is_included({}, "a/b"));
  CHECK(is_included({"/a"}, "a/b/c"));
  CHECK(is_included({"**/package.json", "/docs"}, "web/package.json"));
  CHECK(is_included({"**/package.json", "/docs"}, "docs/x"));
  CHECK_FALSE(is_included({"**/package.json", "/docs"}, "web/docs/x"));
  CHECK_FALSE(is_included({"/a/b"}, "a"));
}
