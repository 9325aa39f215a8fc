// From a signed archive to a resolution: which packages, in which order, with what the lock needs; what is kept in the
// cache.

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;

namespace {

const std::string kSpec = std::string(kBaseSpec) + R"(Package: tool
Version: 1.0
Depends: libtool (>= 1.0)
Recommends: docs

Package: libtool
Version: 1.0

Package: libtool
Version: 1.1
Pocket: updates

Package: docs
Version: 1

Package: init
Version: 1
Priority: important
)";

const packages::LockedPackage& find(const packages::Resolution& resolution, const std::string& layer,
                                    const std::string& name) {
  const auto& list = resolution.packages.at(layer);
  return *std::find_if(list.begin(), list.end(), [&](const auto& package) { return package.name == name; });
}

}  // namespace

TEST_CASE("a bootstrap is the essential packages and apt, in an order that can be configured") {
  Archive archive(kSpec);
  const auto resolution = resolve(archive.request());
  CHECK(versions(resolution, "base") == "base-files=13 libc=2 shell=5 apt=2.7");
  const auto& libc = find(resolution, "base", "libc");
  CHECK(libc.automatic);
  CHECK_FALSE(libc.essential);
  CHECK(libc.why == "shell");
  const auto& shell = find(resolution, "base", "shell");
  CHECK_FALSE(shell.automatic);
  CHECK(shell.essential);
  CHECK(shell.why == "essential");
  CHECK(find(resolution, "base", "apt").why == "asked for");
  // The lock's facts are those of the files.
  const auto file = archive.path() / "debian" / shell.filename;
  const auto bytes = read_file(file);
  CHECK(shell.size_bytes == bytes.size());
  CHECK(shell.sha256 == sha256(bytes));
  CHECK(shell.architecture == "amd64");
}

TEST_CASE("the standard variant adds what has a high priority") {
  Archive archive(kSpec);
  auto request = archive.request();
  request.distribution.variant = "standard";
  CHECK(versions(resolve(request), "base") == "base-files=13 libc=2 shell=5 apt=2.7 init=1");
}

TEST_CASE("a layer is solved on top of those before it and holds only what is new") {
  Archive archive(kSpec);
  auto request = archive.request({"tool"});
  request.asked.push_back({.layer = "more", .words = {{"tool", {}}, {"docs", {}}}});
  const auto resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "libtool=1.1 tool=1.0");
  CHECK(find(resolution, "tools", "libtool").repository == 1);
  CHECK(find(resolution, "tools", "libtool").why == "tool");
  CHECK(versions(resolution, "more") == "docs=1");
}

TEST_CASE("a layer may bring another version of what an earlier one installed") {
  Archive archive(kSpec);
  auto request = archive.request({"libtool=1.0"});
  request.asked.push_back({.layer = "more", .words = {{"libtool=1.1", {}}, {"tool", {}}}});
  request.asked.push_back({.layer = "last", .words = {{"libtool", {}}}});
  const auto resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "libtool=1.0");
  CHECK(versions(resolution, "more") == "libtool=1.1 tool=1.0");
  CHECK(versions(resolution, "last").empty());
}

TEST_CASE("recommended packages come when a layer asks for them, and only in that layer") {
  Archive archive(kSpec);
  auto request = archive.request({"tool"});
  request.asked[1].recommends = true;
  const auto resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "docs=1 libtool=1.1 tool=1.0");
  CHECK(find(resolution, "tools", "docs").why == "tool");
  CHECK(find(resolution, "tools", "docs").automatic);
}

TEST_CASE("the resolution names its repositories, their signing key and the newest date") {
  Archive archive(kSpec, {"--date", "1750000000"});
  const auto resolution = resolve(archive.request());
  REQUIRE(resolution.repositories.size() == 3);
  CHECK(resolution.epoch == 1750000000);
  const auto fingerprint = read_file(archive.path() / "fingerprint");
  CHECK(resolution.repositories[0].key == trim(fingerprint));
  CHECK(resolution.repositories[0].inrelease == sha256(read_file(archive.path() / "debian/dists/bookworm/InRelease")));
  CHECK(resolution.repositories[2].name == "debian-security");
  CHECK(resolution.repositories[2].suite == "bookworm-security");
}

TEST_CASE("a parent's dpkg status is what a layer is solved against") {
  Archive archive(kSpec);
  auto request = archive.request();
  request.asked = {{.layer = "tools", .words = {{"tool", {}}}}};
  request.parent_status =
      "Package: libtool\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nMaintainer: "
      "J\xf6rg\nDescription: x\n\n"
      "Package: shell\nStatus: install ok installed\nEssential: yes\nVersion: 5\nArchitecture: amd64\nMaintainer: "
      "x\nDescription: x\n\n";
  CHECK(versions(resolve(request), "tools") == "tool=1.0");
}

TEST_CASE("a package of the parent is upgraded when something needs the newer version") {
  Archive archive(kSpec + "\nPackage: strict\nVersion: 1\nDepends: libtool (>= 1.1)\n");
  auto request = archive.request();
  request.asked = {{.layer = "tools", .words = {{"strict", {}}}}};
  request.parent_status =
      "Package: libtool\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nMaintainer: x\nDescription: "
      "x\n\n";
  CHECK(versions(resolve(request), "tools") == "libtool=1.1 strict=1");
}

TEST_CASE("unchanged indices are neither fetched nor parsed again") {
  Archive archive(kSpec);
  archive.serve();
  const auto first = resolve(archive.request({"tool"}));
  auto log = archive.take_log();
  CHECK(log.size() == 6);  // three InRelease and three Packages
  const auto solver = std::filesystem::directory_iterator(archive.request().cache / "solver")->path();
  const auto parsed = std::filesystem::last_write_time(solver / "srcpkgcache.bin");
  CHECK(std::count_if(log.begin(), log.end(),
                      [](const auto& line) { return line.find("by-hash/SHA256") != std::string::npos; }) == 3);
  const auto second = resolve(archive.request({"tool"}));
  log = archive.take_log();
  CHECK(log.size() == 3);
  for (const auto& line : log) CHECK(line.find("InRelease 304 0") != std::string::npos);
  CHECK(std::filesystem::last_write_time(solver / "srcpkgcache.bin") == parsed);
  CHECK(second.packages == first.packages);
  CHECK(second.repositories == first.repositories);
}

TEST_CASE("an archive that moves on is noticed, and a damaged cache heals itself") {
  Archive archive(kSpec);
  CHECK(versions(resolve(archive.request({"libtool"})), "tools") == "libtool=1.1");
  archive.publish(kSpec + "\nPackage: libtool\nVersion: 1.2\nPocket: security\n", {"--date", "1750000001"});
  const auto resolution = resolve(archive.request({"libtool"}));
  CHECK(versions(resolution, "tools") == "libtool=1.2");
  CHECK(find(resolution, "tools", "libtool").repository == 2);
  for (const auto& entry : std::filesystem::directory_iterator(archive.request().cache / "packages")) {
    write_file_atomic(entry.path(), "damaged");
  }
  CHECK(versions(resolve(archive.request({"libtool"})), "tools") == "libtool=1.2");
}

TEST_CASE("an index whose bytes rot in the cache is fetched again, for apt too") {
  Archive archive(kSpec);
  const auto first = resolve(archive.request({"tool"}));
  for (const auto& entry : std::filesystem::directory_iterator(archive.request().cache / "packages")) {
    std::string text = read_file(entry.path());
    if (text.empty()) continue;
    text[text.size() / 2] ^= 1;
    // In place: the lists that apt reads are links to the same file.
    const auto fd = open_file(entry.path(), O_WRONLY);
    write_all(fd.get(), text, "an index");
  }
  CHECK(resolve(archive.request({"tool"})).packages == first.packages);
}

TEST_CASE("offline, cached indices serve and missing ones are an error") {
  Archive archive(kSpec);
  auto request = archive.request({"tool"});
  request.offline = true;
  CHECK_THAT(failure_of([&] { (void)resolve(request); }), Catch::Contains("is needed and the build is offline [P032]"));
  request.offline = false;
  const auto first = resolve(request);
  request.offline = true;
  request.mirrors.by_name = archive.mirrors().by_name;
  std::filesystem::remove_all(archive.path() / "debian");
  CHECK(resolve(request).packages == first.packages);
}

TEST_CASE("an Ubuntu-shaped archive serves all pockets from one place, and a dated copy of it") {
  Archive archive(kSpec, {"--layout", "ubuntu", "--snapshot", "20260801T000000Z"});
  auto request = archive.request({"tool"});
  auto resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "libtool=1.1 tool=1.0");
  CHECK(resolution.repositories[2].name == "ubuntu");
  archive.publish(kSpec + "\nPackage: libtool\nVersion: 1.2\nPocket: updates\n", {"--layout", "ubuntu"});
  CHECK(versions(resolve(request), "tools") == "libtool=1.2 tool=1.0");
  request.distribution.snapshot = "20260801T000000Z";
  resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "libtool=1.1 tool=1.0");
  CHECK(resolution.repositories[0].snapshot == "20260801T000000Z");
}

TEST_CASE("a flat repository of the recipe's own, with its own key, is used beside the distribution") {
  Archive archive(kSpec);
  Archive vendor("Package: gadget\nVersion: 3\nDepends: libtool\n");
  // The same pool, described by one Packages file in a directory of its own or beside it, as vendors do.
  const std::string suite = GENERATE(as<std::string>{}, "dir/", "/");
  const auto flat = vendor.path() / "flat";
  std::filesystem::create_directories(flat / "dir");
  std::filesystem::copy(vendor.path() / "debian/pool", flat / "pool", std::filesystem::copy_options::recursive);
  auto index = read_file(vendor.path() / "debian/dists/bookworm/main/binary-amd64/Packages");
  index.replace(index.find("Filename: "), std::string_view("Filename: ").size(), "Filename: ./");
  const auto directory = suite == "/" ? flat : flat / "dir";
  write_file_atomic(directory / "Packages", index);
  const auto release =
      fmt::format("Date: Sat, 11 Jul 2026 10:16:37 UTC\nSHA256:\n {} {} Packages\n", sha256(index).hex(), index.size());
  const auto signed_text = run(
      {.argv = {"gpg", "--batch", "--quiet", "--homedir", (vendor.path() / "key").string(), "--clearsign"}}, release);
  REQUIRE(signed_text.status.success());
  write_file_atomic(directory / "InRelease", signed_text.out);
  auto request = archive.request({"gadget"});
  const std::string uri = "file://" + flat.string();
  request.distribution.repositories.push_back({.uri = {uri, {}},
                                               .suites = {suite},
                                               .components = {},
                                               .key = {(vendor.path() / "keyring.gpg").string(), {}},
                                               .where = {}});
  const auto resolution = resolve(request);
  CHECK(versions(resolution, "tools") == "libtool=1.1 gadget=3");
  const auto& gadget = find(resolution, "tools", "gadget");
  CHECK(gadget.filename.starts_with("pool/"));
  CHECK(resolution.repositories[gadget.repository].name == uri);
  CHECK(resolution.repositories[gadget.repository].key != resolution.repositories[0].key);
  NoEvents events;
  Claims downloads;
  const auto mirrors = archive.mirrors();
  CHECK(packages::fetch_packages({.packages = {gadget},
                                  .repositories = resolution.repositories,
                                  .mirrors = mirrors,
                                  .debs = archive.debs(),
                                  .downloads = downloads},
                                 events, "x", {}) == gadget.size_bytes);
  // The agent that gpg started ends with the directory of its key.
  (void)run({.argv = {"gpgconf", "--homedir", (vendor.path() / "key").string(), "--kill", "all"}});
}

TEST_CASE("many processes may share one cache") {
  Archive archive(kSpec);
  ThreadPool pool(4);
  TaskGroup tasks(pool);
  for (int i = 0; i < 8; ++i) {
    tasks.run([&] {
      ThreadPool inner(1);
      NoEvents events;
      (void)packages::resolve_packages(archive.request({"tool"}), inner, events, {});
    });
  }
  CHECK_NOTHROW(tasks.wait());
}
