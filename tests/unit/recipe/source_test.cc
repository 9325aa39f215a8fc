#include "builder/recipe/source.h"

#include <catch2/catch.hpp>

namespace blueprint::recipe {
namespace {

Diagnostic fault_of(std::string_view bytes) {
  try {
    const Source source("x.yaml", bytes);
  } catch (const Error& error) {
    return error.first();
  }
  FAIL("no error");
  return {};
}

}  // namespace

TEST_CASE("a source has lines that start at 1, with or without an end of the last one") {
  const Source source("x.yaml", "one\ntwo\n\nfour");
  CHECK(source.line_count() == 4);
  CHECK(source.line(1) == "one");
  CHECK(source.line(3).empty());
  CHECK(source.line(4) == "four");
  CHECK(source.line(0).empty());
  CHECK(source.line(5).empty());
  CHECK(source.from({.line = 2, .column = 2}) == "wo\n\nfour");
  CHECK(source.from({.line = 4, .column = 90}).empty());
}

TEST_CASE("CRLF and a byte order mark leave no trace in text and columns") {
  const Source source("x.yaml",
                      "\xEF\xBB\xBF"
                      "a: b\r\nc: d\r\n");
  CHECK(source.text() == "a: b\nc: d\n");
  CHECK(source.span({.line = 2, .column = 4}).text == "c: d");
}

TEST_CASE("a carriage return that ends no line is refused") { CHECK(fault_of("a: b\rc: d\n").code == "R002"); }

TEST_CASE("bytes that are not UTF-8 are refused with their place") {
  for (const std::string_view bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4\xb8", "\x80"}) {
    const Diagnostic fault = fault_of("ok: 1\nü" + std::string(bad));
    CHECK(fault.code == "R002");
    REQUIRE(fault.where);
    CHECK(fault.where->line == 2);
    CHECK(fault.where->column == 3);
  }
}

TEST_CASE("escape sequences of a file do not reach the terminal") {
  for (const std::string_view bad : {"\x1b[2J",
                                     "\xc2\x9b"
                                     "2J",
                                     "\x7f", "\b"}) {
    const std::string shown = render(fault_of("a: " + std::string(bad)));
    INFO(shown);
    CHECK(shown.find(bad) == std::string::npos);
    CHECK(shown.find("[R002]") != std::string::npos);
  }
}

TEST_CASE("a file of more than 1 MiB is refused before it is looked at") {
  const Diagnostic fault = fault_of(std::string((1 << 20) + 1, '\xff'));
  CHECK(fault.code == "R001");
  CHECK(render(fault).find("x.yaml is too large for a recipe: 1.00 MiB, at most 1.00 MiB") != std::string::npos);
  CHECK_NOTHROW(Source("x.yaml", std::string(1 << 20, 'a')));
}

}  // namespace blueprint::recipe
