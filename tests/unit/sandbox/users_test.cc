#include "sandbox/agent/users.h"

#include <catch2/catch.hpp>

namespace blueprint::agent {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "dev:x:1000:1001:Dev,,,:/home/dev:/bin/zsh\n"
    "broken:x:notanumber:1:::\n"
    "short:x:5\n"
    "bare:x:7:7:::\n";
constexpr std::string_view kGroup =
    "root:x:0:\ndev:x:1001:\naudio:x:29:bob,dev\nvideo:x:44:develop\ndocker:x:998:dev\n";

using Groups = std::vector<gid_t>;

}  // namespace

TEST_CASE("a user is found by name and by number, with home, shell and groups") {
  for (const std::string_view who : {"dev", "1000"}) {
    const auto user = find_user(who, kPasswd, kGroup);
    REQUIRE(user);
    CHECK(user->name == "dev");
    CHECK(user->uid == 1000);
    CHECK(user->gid == 1001);
    CHECK(user->home == "/home/dev");
    CHECK(user->shell == "/bin/zsh");
    CHECK(user->groups == Groups{1001, 29, 998});
  }
}

TEST_CASE("nobody in particular is root, even where there is no passwd file") {
  CHECK(find_user("", kPasswd, kGroup)->home == "/root");
  CHECK(find_user("", "", "")->uid == 0);
  CHECK(find_user("root", "", "")->home == "/root");
}

TEST_CASE("a number without an entry is a user without a name or groups of others") {
  const auto user = find_user("4242", kPasswd, kGroup);
  REQUIRE(user);
  CHECK(user->uid == 4242);
  CHECK(user->name.empty());
  CHECK(user->home == "/");
  CHECK(user->groups == Groups{4242});
}

TEST_CASE("a group can be chosen by name or number") {
  CHECK(find_user("dev:audio", kPasswd, kGroup)->gid == 29);
  CHECK(find_user("1000:77", kPasswd, kGroup)->gid == 77);
  CHECK(find_user(":77", kPasswd, kGroup)->uid == 0);
  CHECK_FALSE(find_user("dev:nosuch", kPasswd, kGroup));
}

TEST_CASE("unknown names and malformed entries are no users") {
  CHECK_FALSE(find_user("nosuch", kPasswd, kGroup));
  CHECK_FALSE(find_user("broken", kPasswd, kGroup));
  CHECK_FALSE(find_user("short", kPasswd, kGroup));
  CHECK_FALSE(find_user("-1", kPasswd, kGroup));
  CHECK_FALSE(find_user("4294967296", kPasswd, kGroup));
  CHECK(find_user("bare", kPasswd, kGroup)->home == "/");
  CHECK(find_user("bare", kPasswd, kGroup)->shell == "/bin/sh");
}

}  // namespace blueprint::agent
