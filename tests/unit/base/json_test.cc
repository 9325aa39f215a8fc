#include "base/json.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;

TEST_CASE("JSON keeps the order of its keys") {
  CHECK(parse_json(R"({"b": 1, "a": [true, null]})", "x").dump() == R"({"b":1,"a":[true,null]})");
}

TEST_CASE("Damaged JSON is told with its name and the place") {
  try {
    (void)parse_json("{\"a\": }", "index.json");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "error: index.json is not valid JSON (at byte 7) [S020]");
    CHECK(error.exit_code() == 4);
  }
}

TEST_CASE("JSON is written on one line or indented, whatever the bytes of its strings") {
  const Json json{{"path", "caf\xe9"}, {"size", 1}};
  CHECK(compact_json(json) == "{\"path\":\"caf\xef\xbf\xbd\",\"size\":1}");
  CHECK(format_json(json) == "{\n  \"path\": \"caf\xef\xbf\xbd\",\n  \"size\": 1\n}");
}

TEST_CASE("JSON of hostile depth is an error, not a crash") {
  CHECK_THROWS_AS(parse_json(std::string(1'000'000, '['), "deep"), Error);
}
