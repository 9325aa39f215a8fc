#include "builder/packages/mirrors.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "builder/packages/mirrors_apt_sources.h"
#include "builder/packages/repository.h"

using namespace blueprint;
using namespace blueprint::packages;
namespace fs = std::filesystem;

namespace {

/// A made-up host.
class Host {
 public:
  explicit Host(const std::string& id, const std::string& codename) {
    fs::create_directories(directory_.path() / "apt/sources.list.d");
    fs::create_directories(directory_.path() / "keyrings");
    write("os-release", "NAME=\"X\"\nID=" + id + "\nVERSION_CODENAME=" + codename + "\n");
  }
  void write(const std::string& path, const std::string& text) const {
    write_file_atomic(directory_.path() / path, text);
  }
  [[nodiscard]] Mirrors mirrors() const {
    Mirrors mirrors;
    mirrors.host_sources = directory_.path() / "apt";
    mirrors.host_os_release = directory_.path() / "os-release";
    mirrors.host_keyrings = directory_.path() / "keyrings";
    return mirrors;
  }
  [[nodiscard]] fs::path path(const std::string& name) const { return directory_.path() / name; }

 private:
  TempDir directory_;
};

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "";
}

constexpr const char* kDebianSources = R"(# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
)";

}  // namespace

TEST_CASE("the site's word comes first") {
  const Host host("debian", "bookworm");
  host.write("apt/sources.list.d/debian.sources", kDebianSources);
  auto mirrors = host.mirrors();
  mirrors.by_name["debian"] = "http://site.example/debian/";
  CHECK(mirrors.url("debian") == "http://site.example/debian/");
  CHECK(mirrors.url("debian-security") == "http://site.example/debian-security");
  mirrors.by_name["debian-security"] = "http://site.example/sec";
  CHECK(mirrors.url("debian-security") == "http://site.example/sec");
}

TEST_CASE("a host of the same distribution lends its own sources") {
  const Host host("debian", "bookworm");
  host.write("apt/sources.list.d/debian.sources", kDebianSources);
  CHECK(host.mirrors().url("debian") == "http://mirror.example/debian");
  CHECK(host.mirrors().url("debian-security") == "http://mirror.example/debian-security/");
  // Of another distribution, it does not.
  CHECK(host.mirrors().url("ubuntu") == "http://archive.ubuntu.com/ubuntu");
}

TEST_CASE("one-line sources with options are read, and other people's repositories are not taken for the archive") {
  const Host host("debian", "bookworm");
  host.write("apt/sources.list",
             "deb [arch=amd64 signed-by=/keys/vendor.asc] https://vendor.example/apt bookworm main\n"
             "# deb http://commented.example/debian bookworm main\n"
             "deb-src http://source.example/debian bookworm main\n"
             "deb [ arch=amd64 ] http://mirror.example/debian bookworm main contrib # mine\n"
             "deb http://mirror.example/debian-security bookworm-security main\n"
             "deb broken\n");
  CHECK(host.mirrors().url("debian") == "http://mirror.example/debian");
  CHECK(host.mirrors().url("debian-security") == "http://mirror.example/debian-security");
  const auto sources = parse_one_line_sources("deb [signed-by=/a.gpg] http://h/debian x main\n");
  REQUIRE(sources.size() == 1);
  CHECK(sources[0].signed_by == "/a.gpg");
}

TEST_CASE("a mirror list of apt's mirror+file method is resolved") {
  const Host host("debian", "bookworm");
  host.write("mirrors.list", "# first\nhttps://first.example/debian\nhttps://second.example/debian\n");
  host.write("apt/sources.list.d/debian.sources",
             "Types: deb\nURIs: mirror+file://" + host.path("mirrors.list").string() +
                 "\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: "
                 "/usr/share/keyrings/debian-archive-keyring.gpg\n");
  CHECK(host.mirrors().url("debian") == "https://first.example/debian");
}

TEST_CASE("a mirror that nobody knows is an error that says how to set it") {
  const Host host("fedora", "40");
  try {
    (void)host.mirrors().url("debian-security");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.first().code == "P001");
    CHECK(error.first().message == "no mirror is known for 'debian-security'");
    CHECK(error.first().hints.at(0) ==
          "say where it is: --mirror debian-security=URL, or BLUEPRINT_MIRROR_DEBIAN_SECURITY=URL in the environment");
  }
}

TEST_CASE("a snapshot is a directory named by its time") {
  const Host host("debian", "bookworm");
  auto mirrors = host.mirrors();
  CHECK(mirrors.snapshot_url("ubuntu", "20260801T000000Z") == "https://snapshot.ubuntu.com/ubuntu/20260801T000000Z");
  CHECK(code_of([&] { (void)mirrors.snapshot_url("debian", "20260801T000000Z"); }) == "P001");
  mirrors.by_name["debian-snapshot"] = "http://snap.example/archive/debian/";
  CHECK(mirrors.snapshot_url("debian", "20260801T000000Z") == "http://snap.example/archive/debian/20260801T000000Z");
  CHECK(mirrors.snapshot_url("debian-security", "20260801T000000Z") ==
        "http://snap.example/archive/debian-security/20260801T000000Z");
  for (const char* bad : {"", "2026-08-01", "20260801T000000", "20260801T00000xZ", "20260801t000000Z"}) {
    CHECK(code_of([&] { (void)mirrors.snapshot_url("ubuntu", bad); }) == "P002");
  }
}

TEST_CASE("the keyring is the one that the host trusts for the archive, else the usual one") {
  const Host host("debian", "bookworm");
  host.write("apt/sources.list.d/debian.sources",
             "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
             "Signed-By: " +
                 host.path("keyrings/debian-archive-keyring-site.gpg").string() + "\n");
  CHECK(code_of([&] { (void)host.mirrors().keyring("debian"); }) == "P010");
  host.write("keyrings/debian-archive-keyring.gpg", "x");
  CHECK(host.mirrors().keyring("debian") == host.path("keyrings/debian-archive-keyring.gpg"));
  host.write("keyrings/debian-archive-keyring-site.gpg", "x");
  CHECK(host.mirrors().keyring("debian") == host.path("keyrings/debian-archive-keyring-site.gpg"));
  CHECK(code_of([&] { (void)host.mirrors().keyring("ubuntu"); }) == "P010");
}

TEST_CASE("a key that is named by its fingerprint is looked for in the keyrings of the host") {
  const Host host("debian", "bookworm");
  host.write("keys.gpg", "x");
  host.write("keyrings/b.gpg", "x");
  fs::create_directories(host.path("apt/keyrings"));
  host.write("apt/keyrings/vendor.asc", "x");
  host.write("apt/keyrings/README", "x");
  const auto file = host.path("web.yaml").string();
  auto mirrors = host.mirrors();
  mirrors.by_name = {{"debian", "http://m/debian"}};
  recipe::Distribution distribution{
      .id = "debian", .release = "bookworm", .pockets = {"release"}, .keyring = {"keys.gpg", {.file = file}}};
  distribution.repositories.push_back({.uri = {"https://vendor.example/apt", {}},
                                       .suites = {"stable"},
                                       .components = {"main"},
                                       .key = {"9dc858229fc7dd38854ae2d88d81803c0ebfcd88", {.file = file}}});
  const auto sources = plan_repositories(distribution, mirrors);
  REQUIRE(sources.size() == 2);
  CHECK(sources[1].fingerprint == "9DC858229FC7DD38854AE2D88D81803C0EBFCD88");
  CHECK(sources[1].keyrings == std::vector{host.path("apt/keyrings/vendor.asc"), host.path("keyrings/b.gpg")});
}

TEST_CASE("pockets become suites of the right archives") {
  const Host host("debian", "bookworm");
  host.write("keyrings/debian-archive-keyring.gpg", "x");
  host.write("keyrings/ubuntu-archive-keyring.gpg", "x");
  auto mirrors = host.mirrors();
  mirrors.by_name = {{"debian", "http://m/debian"}, {"ubuntu", "http://m/ubuntu"}};
  recipe::Distribution debian{.id = "debian", .release = "bookworm"};
  auto sources = plan_repositories(debian, mirrors);
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].release_url("InRelease") == "http://m/debian/dists/bookworm/InRelease");
  CHECK(sources[1].release_url("InRelease") == "http://m/debian/dists/bookworm-updates/InRelease");
  CHECK(sources[2].release_url("InRelease") == "http://m/debian-security/dists/bookworm-security/InRelease");
  CHECK(sources[2].name == "debian-security");
  CHECK(sources[0].components == std::vector<std::string>{"main"});

  recipe::Distribution ubuntu{.id = "ubuntu",
                              .release = "noble",
                              .components = {"main"},
                              .pockets = {"release", "security", "backports"},
                              .snapshot = "20260801T000000Z"};
  sources = plan_repositories(ubuntu, mirrors);
  REQUIRE(sources.size() == 3);
  CHECK(sources[1].release_url("InRelease") ==
        "https://snapshot.ubuntu.com/ubuntu/20260801T000000Z/dists/noble-security/InRelease");
  CHECK(sources[1].name == "ubuntu");
  CHECK(sources[2].suite == "noble-backports");

  ubuntu.pockets = {"updatess"};
  CHECK(code_of([&] { (void)plan_repositories(ubuntu, mirrors); }) == "P003");
}

TEST_CASE("the recipe's own repositories and keyrings are found beside it") {
  const Host host("debian", "bookworm");
  host.write("vendor.gpg", "x");
  host.write("keys.gpg", "x");
  const auto file = host.path("web.yaml").string();
  auto mirrors = host.mirrors();
  mirrors.by_name = {{"debian", "http://m/debian"}};
  recipe::Distribution distribution{.id = "debian",
                                    .release = "bookworm",
                                    .pockets = {"release"},
                                    .keyring = {"keys.gpg", {.file = file, .line = 3}}};
  distribution.repositories.push_back({.uri = {"https://vendor.example/apt", {}},
                                       .suites = {"stable", "./"},
                                       .components = {"main"},
                                       .key = {"vendor.gpg", {.file = file, .line = 7}}});
  const auto sources = plan_repositories(distribution, mirrors);
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].keyrings == std::vector{host.path("keys.gpg")});
  CHECK(sources[1].keyrings == std::vector{host.path("vendor.gpg")});
  CHECK(sources[1].fingerprint.empty());
  CHECK(sources[1].release_url("InRelease") == "https://vendor.example/apt/dists/stable/InRelease");
  CHECK(sources[2].release_url("InRelease") == "https://vendor.example/apt/InRelease");
  distribution.repositories[0].key.value = "missing.gpg";
  CHECK(code_of([&] { (void)plan_repositories(distribution, mirrors); }) == "P011");
}
