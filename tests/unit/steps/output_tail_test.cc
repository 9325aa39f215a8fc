#include "builder/steps/output_tail.h"

#include <catch2/catch.hpp>

using blueprint::steps::OutputTail;

TEST_CASE("the tail keeps the last lines however they were cut") {
  OutputTail tail(3);
  tail.add("one\ntw");
  tail.add("o\nthree\nfour\nfi");
  tail.add("ve");
  CHECK(tail.lines() == std::vector<std::string>{"three", "four", "five"});
}

TEST_CASE("the tail of nothing is empty, and a long line is cut") {
  OutputTail tail;
  CHECK(tail.lines().empty());
  tail.add(std::string(10000, 'x'));
  REQUIRE(tail.lines().size() == 1);
  CHECK(tail.lines()[0].size() == 2000);
}
