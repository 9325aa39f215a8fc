#include "builder/steps/accounts.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using blueprint::Error;
using blueprint::recipe::Text;
using blueprint::steps::Accounts;

namespace {

const Accounts& accounts() {
  static const Accounts made("root:x:0:0:root:/root:/bin/bash\nweb:x:1000:1000::/home/web:/bin/sh\nbroken line\nx:y\n",
                             "root:x:0:\nweb:x:1000:\ndocker:x:998:web,other\n");
  return made;
}

Text text(const char* value) { return {.value = value, .where = {.file = "r.yaml", .line = 3, .column = 5}}; }

}  // namespace

TEST_CASE("an owner may be a name, a number, or a user and a group") {
  CHECK(accounts().resolve({}, {}).uid == 0);
  CHECK(accounts().resolve(text("web"), {}).uid == 1000);
  CHECK(accounts().resolve(text("web"), {}).gid == 1000);
  CHECK(accounts().resolve(text("web:docker"), {}).gid == 998);
  CHECK(accounts().resolve(text("web"), text("docker")).gid == 998);
  CHECK(accounts().resolve(text("70000:70001"), {}).uid == 70000);
  CHECK(accounts().resolve(text("70000:70001"), {}).gid == 70001);
}

TEST_CASE("an unknown owner is an error at its place with near names") {
  try {
    (void)accounts().resolve(text("wbe"), {});
    FAIL("resolved");
  } catch (const Error& error) {
    CHECK(error.first().code == "R101");
    REQUIRE(error.first().where);
    CHECK(error.first().where->line == 3);
    CHECK(error.first().hints.at(0) == "did you mean 'web'?");
  }
  CHECK_THROWS_WITH(accounts().resolve(text("web:dokcer"), {}), Catch::Contains("no group 'dokcer'"));
}

TEST_CASE("a user's groups are its own and those that list it") {
  const auto user = accounts().resolve_user(text("web"));
  CHECK(user.home == "/home/web");
  CHECK(accounts().groups_of(user) == std::vector<std::uint32_t>{1000, 998});
}

TEST_CASE("a command runs with the groups of its user, or with the one that is said") {
  const auto own = accounts().resolve_identity(text("web"));
  CHECK(own.user.gid == 1000);
  CHECK(own.groups == std::vector<std::uint32_t>{1000, 998});
  const auto said = accounts().resolve_identity(text("web:docker"));
  CHECK(said.user.uid == 1000);
  CHECK(said.user.gid == 998);
  CHECK(said.groups == std::vector<std::uint32_t>{998});
  CHECK(accounts().resolve_identity(text("70000:70001")).user.gid == 70001);
  CHECK_THROWS_WITH(accounts().resolve_identity(text("web:dokcer")), Catch::Contains("no group 'dokcer'"));
}

TEST_CASE("a number that the image does not know can still be run as") {
  const auto user = accounts().resolve_user(text("4242"));
  CHECK(user.uid == 4242);
  CHECK(user.gid == 4242);
}
