#include "builder/recipe/pattern.h"

#include <catch2/catch.hpp>

using namespace blueprint::recipe;

TEST_CASE("a param's pattern matches all of its value") {
  CHECK(matches_whole("[0-9]+\\.[0-9]+", "3.11"));
  CHECK_FALSE(matches_whole("[0-9]+\\.[0-9]+", "3.11rc1"));
  CHECK(matches_whole("a|ab", "ab"));
}

TEST_CASE("what a test expects is found at any line") {
  CHECK(is_found("^Python 3", "warning: x\nPython 3.11.2\n"));
  CHECK(is_found("^1000\n$", "1000\n"));
  CHECK(is_found("done$", "done\nand more"));
  CHECK_FALSE(is_found("^3", "Python 3"));
}

TEST_CASE("a long line is no danger to a pattern that a backtracking matcher would recurse on") {
  const std::string line(4 << 20, 'a');
  CHECK(is_found("^(a|b)*$", line));
  CHECK_FALSE(is_found("(a*)*x", line));
  CHECK_FALSE(matches_whole("(a|aa)+b", line));
}

TEST_CASE("output that is not UTF-8 can be searched") { CHECK(is_found("ok", "\xff\xfe ok \x80")); }

TEST_CASE("what is wrong with a pattern is said in words") {
  CHECK(why_malformed("^a+(b|c)$").empty());
  CHECK(why_malformed("(a") == "a parenthesis is not closed");
  CHECK(why_malformed("a)") == "a parenthesis is closed that was not opened");
  CHECK(why_malformed("[a") == "a bracket is not closed");
  CHECK(why_malformed("[z-a]") == "a range of characters is reversed");
  CHECK(why_malformed("*a") == "a repetition has nothing to repeat");
  CHECK(why_malformed("a**") == "two repetitions follow each other");
  CHECK(why_malformed("a{1000000}") == "a repetition in braces is reversed or too large");
  CHECK(why_malformed("(?=a)b") == "a kind of group that there is not, such as look-around");
  CHECK(why_malformed("a\\") == "a '\\' at the end");
  CHECK_FALSE(matches_whole("(a", "(a"));
  CHECK_FALSE(is_found("(a", "(a"));
}
