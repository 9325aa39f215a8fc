#include "builder/recipe/mode_change.h"

#include <catch2/catch.hpp>

using blueprint::recipe::apply_mode_change;
using blueprint::recipe::is_mode_change;
using blueprint::recipe::ModeOf;

TEST_CASE("a change of a mode is what chmod makes of it") {
  // Each: chmod CHANGE on a file of mode BEFORE.
  CHECK(apply_mode_change("u=rwX,go=rX", 0644, ModeOf::File) == 0644);
  CHECK(apply_mode_change("u=rwX,go=rX", 0700, ModeOf::File) == 0755);
  CHECK(apply_mode_change("u=rwX,go=rX", 0700, ModeOf::Directory) == 0755);
  CHECK(apply_mode_change("+x", 0644, ModeOf::File) == 0755);
  CHECK(apply_mode_change("go-rwx", 0755, ModeOf::File) == 0700);
  CHECK(apply_mode_change("a=r", 0777, ModeOf::File) == 0444);
  CHECK(apply_mode_change("u+s", 0755, ModeOf::File) == 04755);
  CHECK(apply_mode_change("g+s,o-x", 0755, ModeOf::Directory) == 02754);
  CHECK(apply_mode_change("+t", 0777, ModeOf::Directory) == 01777);
  CHECK(apply_mode_change("u=", 04755, ModeOf::File) == 0055);
  CHECK(apply_mode_change("u+r-w", 0200, ModeOf::File) == 0400);
  CHECK(apply_mode_change("g=rw", 01750, ModeOf::Directory) == 01760);
}

TEST_CASE("what is no change of a mode is told") {
  for (const char* good : {"u+x", "+x", "ugo=rwxXst", "a-w,u+w", "g="}) CHECK(is_mode_change(good));
  for (const char* bad : {"", "u", "x", "u+q", "u+x,", ",u+x", "755", "u x"}) CHECK_FALSE(is_mode_change(bad));
}
