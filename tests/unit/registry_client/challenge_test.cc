#include "registry_client/challenge.h"

#include <catch2/catch.hpp>

using namespace blueprint::registry_client;

namespace {

Challenge basic(const char* realm) { return {.scheme = "basic", .parameters = {{"realm", realm}}}; }

}  // namespace

TEST_CASE("a Bearer challenge names realm, service and scope") {
  const auto challenges = parse_challenges(
      R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")");
  REQUIRE(challenges.size() == 1);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].parameter("realm") == "https://auth.example/token");
  CHECK(challenges[0].parameter("service") == "registry.example");
  CHECK(challenges[0].parameter("scope") == "repository:a/b:pull,push");
  CHECK(challenges[0].parameter("error").empty());
}

TEST_CASE("one header may hold several challenges, in any spacing and case") {
  CHECK(parse_challenges("Basic realm=\"x\"") == std::vector{basic("x")});
  CHECK(parse_challenges("  bAsIc  REALM = \"x\" ") == std::vector{basic("x")});
  CHECK(parse_challenges("basic realm=x") == std::vector{basic("x")});
  const auto mixed = parse_challenges(R"(Negotiate, NTLM aGVsbG8=, Bearer realm="r", service="s,t", Basic realm="b")");
  REQUIRE(mixed.size() == 4);
  CHECK(mixed[0] == Challenge{.scheme = "negotiate", .parameters = {}});
  CHECK(mixed[1] == Challenge{.scheme = "ntlm", .parameters = {}});
  CHECK(mixed[2].parameter("service") == "s,t");
  CHECK(mixed[3] == basic("b"));
}

TEST_CASE("quoted values may hold escaped quotes") {
  CHECK(parse_challenges(R"(Basic realm="say \"hello\" \\")") == std::vector{basic(R"(say "hello" \)")});
}

TEST_CASE("what cannot be read ends the list and harms nothing") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(" , ,").empty());
  CHECK(parse_challenges("realm=\"x\"").empty());
  CHECK(parse_challenges("\"x\"").empty());
  CHECK(parse_challenges("Basic realm=\"x\", =").size() == 1);
  CHECK(parse_challenges("Basic realm=\"open") == std::vector{Challenge{.scheme = "basic", .parameters = {}}});
  CHECK(parse_challenges("Basic realm=\"x\\") == std::vector{Challenge{.scheme = "basic", .parameters = {}}});
  CHECK(parse_challenges("Basic realm=") == std::vector{Challenge{.scheme = "basic", .parameters = {}}});
}
