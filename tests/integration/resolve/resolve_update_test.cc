// Bringing a lock forward: which versions move, and which stay, when the archive has moved on.

#include <catch2/catch.hpp>

#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;
using What = packages::UpdateScope::What;

namespace {

const std::string kBefore = std::string(kBaseSpec) + R"(Package: tool
Version: 1.0
Depends: libtool (>= 1.0)

Package: libtool
Version: 1.0

Package: libtool-dev
Version: 1.0
Depends: libtool (= 1.0)

Package: other
Version: 1.0
)";

const std::vector<std::string> kWords = {"tool", "libtool-dev", "other"};

/// What the archive has besides, a week later.
const std::string kNews = R"(
Package: other
Version: 2.0
Pocket: updates

Package: libtool
Version: 1.0.1
Pocket: security

Package: libtool-dev
Version: 1.0.1
Pocket: security
Depends: libtool (= 1.0.1)

Package: libtool
Version: 1.2
Pocket: updates

Package: libtool-dev
Version: 1.2
Pocket: updates
Depends: libtool (= 1.2)
)";

packages::Lock lock_of(const packages::Resolution& resolution) {
  packages::Lock lock;
  lock.repositories = resolution.repositories;
  lock.packages = resolution.packages;
  return lock;
}

/// Resolves `words` with what `lock` has.
packages::Resolution update(const Archive& archive, const packages::Lock& lock, packages::UpdateScope scope,
                            const std::vector<std::string>& words = kWords) {
  auto request = archive.request(words);
  request.before = &lock;
  request.scope = std::move(scope);
  return resolve(request);
}

}  // namespace

TEST_CASE("an update of everything takes the newest versions, one for security only those of security suites") {
  Archive archive(kBefore);
  const auto first = resolve(archive.request(kWords));
  CHECK(versions(first, "tools") == "libtool=1.0 libtool-dev=1.0 other=1.0 tool=1.0");
  const auto lock = lock_of(first);
  archive.publish(kBefore + kNews);
  CHECK(versions(update(archive, lock, {}), "tools") == "libtool=1.2 libtool-dev=1.2 other=2.0 tool=1.0");
  const auto secure = update(archive, lock, {.what = What::Security, .names = {}});
  CHECK(versions(secure, "tools") == "libtool=1.0.1 libtool-dev=1.0.1 other=1.0 tool=1.0");
  CHECK(secure.facts.security.at("libtool:amd64") == "1.0.1");
  CHECK_FALSE(secure.facts.security.contains("other:amd64"));
  CHECK(packages::format_lock_changes(lock, lock_of(secure), secure.facts).find("2 upgraded (2 for security)") == 0);
  // Nothing that is asked for is missing: nothing moves.
  CHECK(update(archive, lock, {.what = What::Nothing, .names = {}}).packages == first.packages);
}

TEST_CASE("an update of one package leaves the rest, and takes along what it needs and what needs it") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  archive.publish(kBefore + kNews + R"(
Package: tool
Version: 2.0
Pocket: updates
Depends: libtool (>= 1.2), fresh

Package: fresh
Version: 1
Pocket: updates
)");
  const auto named = [&](std::vector<std::string> names) {
    return versions(update(archive, lock, {.what = What::Named, .names = std::move(names)}), "tools");
  };
  CHECK(named({"other"}) == "libtool=1.0 libtool-dev=1.0 other=2.0 tool=1.0");
  // The library comes along because the tool needs it; its -dev because it needs exactly its library.
  CHECK(named({"tool"}) == "fresh=1 libtool=1.2 libtool-dev=1.2 other=1.0 tool=2.0");
  CHECK(named({"libtool"}) == "libtool=1.2 libtool-dev=1.2 other=1.0 tool=1.0");
  CHECK(named({"libtool", "other"}) == "libtool=1.2 libtool-dev=1.2 other=2.0 tool=1.0");
}

TEST_CASE("what a newer package breaks becomes newer with it") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  archive.publish(kBefore + kNews + "\nPackage: tool\nVersion: 2.0\nBreaks: other (<< 2.0)\n");
  CHECK(versions(update(archive, lock, {.what = What::Named, .names = {"tool"}}), "tools") ==
        "libtool=1.0 libtool-dev=1.0 other=2.0 tool=2.0");
}

TEST_CASE("a word that is new in the recipe moves only what it must") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  archive.publish(kBefore + kNews +
                  "\nPackage: plain\nVersion: 1\n\nPackage: strict\nVersion: 1\nDepends: deep\n\n"
                  "Package: deep\nVersion: 1\nDepends: libtool (>= 1.1)\n");
  auto words = kWords;
  words.push_back("plain");
  CHECK(versions(update(archive, lock, {.what = What::Nothing, .names = {}}, words), "tools") ==
        "libtool=1.0 libtool-dev=1.0 other=1.0 plain=1 tool=1.0");
  words.push_back("strict");
  CHECK(versions(update(archive, lock, {.what = What::Nothing, .names = {}}, words), "tools") ==
        "libtool=1.2 deep=1 libtool-dev=1.2 other=1.0 plain=1 strict=1 tool=1.0");
}

TEST_CASE("a version that the archive has no more gives way to the newest, and the answer says so") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  std::string moved = kBefore;
  moved.replace(moved.find("Package: other\nVersion: 1.0"), 27, "Package: other\nVersion: 3.0");
  archive.publish(moved + kNews);
  const auto named = update(archive, lock, {.what = What::Named, .names = {"libtool"}});
  CHECK(versions(named, "tools") == "libtool=1.2 libtool-dev=1.2 other=3.0 tool=1.0");
  CHECK(named.facts.gone == std::vector<packages::Pin>{{"other", "1.0", "amd64"}});
  CHECK(packages::format_lock_changes(lock, lock_of(named), named.facts)
            .find("`other` 1.0 → 3.0 (bookworm, the archive has the older version no more)") != std::string::npos);
  // Who asked for it to be newer is not told that it had to be.
  CHECK(update(archive, lock, {.what = What::Named, .names = {"other"}}).facts.gone.empty());
}

TEST_CASE("a locked version never takes a package of the parent image back") {
  Archive archive(kBefore);
  auto request = archive.request();
  request.asked = {{.layer = "tools", .words = {{"libtool", {}}}}};
  request.parent_status =
      "Package: x\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nMaintainer: x\n"
      "Description: x\n\n";
  const auto lock = lock_of(resolve(request));
  CHECK(lock.packages.at("tools").front().version == "1.0");
  archive.publish(kBefore + kNews);
  request.parent_status +=
      "Package: libtool\nStatus: install ok installed\nVersion: 1.0.5\nArchitecture: amd64\n"
      "Maintainer: x\nDescription: x\n\n";
  request.before = &lock;
  request.scope.what = What::Nothing;
  CHECK(versions(resolve(request), "tools").empty());
}

TEST_CASE("when locked versions may be in the way, the error says how to let go of them") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  archive.publish(kBefore + "\nPackage: rival\nVersion: 1\nConflicts: other\n");
  auto words = kWords;
  words.push_back("rival");
  const auto held = failure_of([&] { (void)update(archive, lock, {.what = What::Nothing, .names = {}}, words); });
  CHECK(held.find("'blueprint lock --update' resolves everything anew") != std::string::npos);
  const auto free = failure_of([&] { (void)update(archive, lock, {}, words); });
  CHECK_FALSE(free.empty());
  CHECK(free.find("lock --update") == std::string::npos);
  words.back() = "rivall";
  const auto unknown = failure_of([&] { (void)update(archive, lock, {.what = What::Nothing, .names = {}}, words); });
  CHECK(unknown.find("[P060]") != std::string::npos);
  CHECK(unknown.find("lock --update") == std::string::npos);
}

TEST_CASE("words of the recipe win over the lock") {
  Archive archive(kBefore);
  const auto lock = lock_of(resolve(archive.request(kWords)));
  archive.publish(kBefore + kNews);
  CHECK(versions(update(archive, lock, {.what = What::Nothing, .names = {}}, {"tool", "libtool=1.0.1", "other"}),
                 "tools") == "libtool=1.0.1 other=1.0 tool=1.0");
}
