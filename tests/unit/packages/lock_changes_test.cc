#include <catch2/catch.hpp>

#include "builder/packages/lock.h"
#include "builder/packages/lock_version_order.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

LockedPackage package(std::string name, std::string version, std::uint32_t repository = 0,
                      std::string why = "asked for") {
  const auto digest = sha256(name + version);
  return {.name = std::move(name),
          .version = std::move(version),
          .architecture = "amd64",
          .filename = "pool/x",
          .size_bytes = 1,
          .sha256 = digest,
          .repository = repository,
          .why = std::move(why)};
}

Lock lock_of(std::vector<LockedPackage> packages) {
  Lock lock;
  lock.repositories = {{.name = "debian", .suite = "bookworm", .key = "AA"},
                       {.name = "debian-security", .suite = "bookworm-security", .key = "AA"}};
  lock.packages["tools"] = std::move(packages);
  return lock;
}

}  // namespace

TEST_CASE("a changelog of two locks says what moved, which way, and what is a security update") {
  const auto before = lock_of({package("curl", "7.88.1-10+deb12u8"), package("git", "1:2.39.5-0"),
                               package("jq", "1.6-2"), package("old", "1")});
  auto after = lock_of({package("curl", "7.88.1-10+deb12u9", 1), package("git", "1:2.39.4-0"), package("jq", "1.6-2"),
                        package("libonig5", "6.9.8-1", 0, "jq")});
  after.packages["tools"][0].size_bytes = 2049;
  CHECK(format_lock_changes(before, after) ==
        "1 upgraded (1 for security), 1 downgraded, 1 added, 1 removed; +2.00 KiB of packages\n\n"
        "### tools\n\n"
        "- upgraded `curl` 7.88.1-10+deb12u8 → 7.88.1-10+deb12u9 (bookworm-security, security, +2.00 KiB)\n"
        "- **downgraded** `git` 1:2.39.5-0 → 1:2.39.4-0 (bookworm)\n"
        "- added `libonig5` 6.9.8-1 (bookworm, needed by jq, +1 B)\n"
        "- removed `old` 1 (bookworm, -1 B)\n");
  CHECK(format_lock_changes(before, before).empty());
  const auto changes = compare_locks(before, after);
  REQUIRE(changes.size() == 4);
  CHECK(changes[0] == PackageChange{.kind = PackageChange::Kind::Upgraded,
                                    .layer = "tools",
                                    .name = "curl",
                                    .architecture = "amd64",
                                    .from = "7.88.1-10+deb12u8",
                                    .to = "7.88.1-10+deb12u9",
                                    .suite = "bookworm-security",
                                    .why = "asked for",
                                    .size_delta = 2048,
                                    .security = true});
}

TEST_CASE("an upgrade past a security update is one, whatever suite the newest version is in") {
  const auto before = lock_of({package("curl", "1-1"), package("git", "1-2")});
  const auto after = lock_of({package("curl", "1-3"), package("git", "1-3")});
  const LockFacts facts{.security = {{"curl:amd64", "1-2"}, {"git:amd64", "1-2"}}, .gone = {{"git", "1-2", "amd64"}}};
  CHECK(format_lock_changes(before, after, facts) ==
        "2 upgraded (1 for security); +0 B of packages\n\n"
        "### tools\n\n"
        "- upgraded `curl` 1-1 → 1-3 (bookworm, security)\n"
        "- upgraded `git` 1-2 → 1-3 (bookworm, the archive has the older version no more)\n");
}

TEST_CASE("another key, another repository and a package replaced under its version are told") {
  auto before = lock_of({package("curl", "1")});
  auto after = before;
  after.repositories[0].key = "BB";
  after.repositories[1].suite = "bookworm-updates";
  after.packages["tools"][0].sha256 = sha256(std::string_view("other"));
  CHECK(format_lock_changes(before, after) ==
        "1 replaced; +0 B of packages\n\n"
        "- **another key** signs `debian` bookworm: AA → BB\n"
        "- added repository `debian-security` bookworm-updates\n"
        "- removed repository `debian-security` bookworm-security\n\n"
        "### tools\n\n"
        "- **replaced** `curl` 1: the same version with other content (bookworm)\n");
}

TEST_CASE("versions are ordered as dpkg orders them") {
  // Each is older than the next.
  const char* const ordered[] = {"0~~",     "0~~a",  "0~",           "0",        "0+b1",    "0.1~rc1",    "0.1",
                                 "0.1-0.1", "0.1-1", "0.1-1ubuntu1", "0.1-1+b1", "0.1-1.1", "0.1-2~bpo1", "0.1-2",
                                 "0.1a",    "0.1+1", "0.1.1-1",      "0.9",      "0.10",    "1:0.1"};
  for (std::size_t i = 0; i < std::size(ordered); ++i) {
    for (std::size_t j = 0; j < std::size(ordered); ++j) {
      INFO(ordered[i] << " and " << ordered[j]);
      const int order = compare_versions(ordered[i], ordered[j]);
      CHECK((order < 0) == (i < j));
      CHECK((order > 0) == (i > j));
    }
  }
  CHECK(compare_versions("1.0", "0:1.0-0") == 0);
  CHECK(compare_versions("1.00", "1.0") == 0);
}
