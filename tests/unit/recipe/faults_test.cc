#include "builder/recipe/faults.h"

#include <catch2/catch.hpp>

namespace blueprint::recipe {
namespace {

Diagnostic fault(const std::string& file, int line) {
  return {.kind = ErrorKind::Recipe,
          .code = "R012",
          .message = "m",
          .where = SourceSpan{.file = file, .line = line, .column = 1}};
}

std::vector<Diagnostic> thrown(Faults& faults) {
  try {
    faults.throw_if_any();
  } catch (const Error& error) {
    return error.diagnostics();
  }
  return {};
}

}  // namespace

TEST_CASE("faults of one file are thrown in its order, with the context that was open") {
  Faults faults;
  CHECK(thrown(faults).empty());
  {
    const Faults::Context outer(faults, "outer");
    const Faults::Context inner(faults, "inner");
    faults.add(fault("a", 3));
  }
  faults.add(fault("a", 1));
  const auto all = thrown(faults);
  REQUIRE(all.size() == 2);
  CHECK(all[0].where->line == 1);
  CHECK(all[0].context.empty());
  CHECK(all[1].context == std::vector<std::string>{"inner", "outer"});
}

TEST_CASE("faults of several files stay together by file") {
  Faults faults;
  for (const auto& [file, line] : {std::pair("a", 9), std::pair("b", 1), std::pair("b", 2)})
    faults.add(fault(file, line));
  const auto all = thrown(faults);
  REQUIRE(all.size() == 3);
  CHECK(all[0].where->file == "a");
}

TEST_CASE("after fifty faults the rest is only counted") {
  Faults faults;
  for (int line = 1; line <= 53; ++line) faults.add(fault("a", line));
  const auto all = thrown(faults);
  REQUIRE(all.size() == 50);
  CHECK(all.back().hints == std::vector<std::string>{"3 more faults are not shown"});
}

}  // namespace blueprint::recipe
