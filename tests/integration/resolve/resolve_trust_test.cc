// What a mirror must not get away with.

#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"
#include "tests/integration/resolve/archive.h"

using namespace blueprint;
using namespace blueprint::test;
using Catch::Contains;

namespace {

std::string refusal(Archive& archive) {
  return failure_of([&] { (void)resolve(archive.request()); });
}

void edit(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  std::string text = read_file(file);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_file_atomic(file, text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("a Release file that was changed after signing is refused") {
  Archive archive(kBaseSpec);
  edit(archive.path() / "debian/dists/bookworm/InRelease", "Description: Test archive", "Description: Evil archive");
  CHECK_THAT(refusal(archive),
             Contains("debian/dists/bookworm/InRelease has a wrong signature by key") && Contains("[P020]"));
}

TEST_CASE("text around the signed part of an InRelease file is not believed") {
  Archive archive(kBaseSpec);
  const auto file = archive.path() / "debian/dists/bookworm/InRelease";
  write_file_atomic(file, "Suite: evil\nSHA256:\n\n" + read_file(file) + "\nSuite: evil\n");
  CHECK(resolve(archive.request()).packages.at("base").size() == 4);
}

TEST_CASE("a signature by a key that is not in the keyring is refused by name") {
  Archive archive(kBaseSpec, {"--sign", "other"});
  CHECK_THAT(refusal(archive), Contains("is signed by key ") && Contains(", which is not in ") && Contains("[P021]"));
}

TEST_CASE("an archive that is not signed is refused") {
  Archive archive(kBaseSpec, {"--sign", "no"});
  CHECK_THAT(refusal(archive), Contains("dists/bookworm/InRelease is not signed [P023]"));
  const auto directory = archive.path() / "debian/dists/bookworm";
  std::filesystem::copy_file(directory / "Release", directory / "InRelease");
  for (const char* suite : {"debian/dists/bookworm-updates", "debian-security/dists/bookworm-security"}) {
    std::filesystem::copy_file(archive.path() / suite / "Release", archive.path() / suite / "InRelease");
  }
  CHECK_THAT(refusal(archive), Contains("InRelease is not signed [P023]"));
}

TEST_CASE("Release with a detached signature serves where InRelease is missing, and is verified too") {
  Archive archive(kBaseSpec);
  const auto directory = archive.path() / "debian/dists/bookworm";
  std::filesystem::remove(directory / "InRelease");
  CHECK(resolve(archive.request()).packages.at("base").size() == 4);
  edit(directory / "Release", "Test archive", "Evil archive");
  CHECK_THAT(refusal(archive), Contains("Release has a wrong signature") && Contains("[P020]"));
}

TEST_CASE("an armoured keyring is as good as a binary one") {
  Archive archive(kBaseSpec);
  auto request = archive.request();
  const auto armoured = run({.argv = {"gpg", "--enarmor"}}, read_file(archive.path() / "keyring.gpg"));
  REQUIRE(armoured.status.success());
  std::string text = armoured.out;
  for (auto at = text.find("ARMORED FILE"); at != std::string::npos; at = text.find("ARMORED FILE"))
    text.replace(at, 12, "PUBLIC KEY BLOCK");
  write_file_atomic(archive.path() / "keyring.asc", text);
  request.distribution.keyring.value = (archive.path() / "keyring.asc").string();
  CHECK(resolve(request).packages.at("base").size() == 4);
}

TEST_CASE("an expired Release file is refused, but for a dated copy") {
  Archive archive(kBaseSpec, {"--layout", "ubuntu", "--valid-until", "1700000001", "--snapshot", "20231114T000000Z"});
  CHECK_THAT(refusal(archive), Contains("expired on 2023-11-14 22:13:21 UTC and now it is 2") && Contains("[P012]"));
  auto request = archive.request();
  request.distribution.snapshot = "20231114T000000Z";
  CHECK(resolve(request).packages.at("base").size() == 4);
}

TEST_CASE("the Release file of another suite is refused, and a missing suite is named") {
  Archive archive(kBaseSpec);
  const auto dists = archive.path() / "debian/dists";
  std::filesystem::remove_all(dists / "bookworm");
  CHECK_THAT(refusal(archive), Contains("the mirror has no suite 'bookworm'") && Contains("[P015]"));
  std::filesystem::copy(dists / "bookworm-updates", dists / "bookworm", std::filesystem::copy_options::recursive);
  CHECK_THAT(refusal(archive), Contains("describes the suite 'bookworm-updates', not 'bookworm' [P014]"));
}

TEST_CASE("an index that is not the one that was signed is refused") {
  Archive archive(kBaseSpec);
  archive.serve({"corrupt */by-hash/*"});
  CHECK_THAT(refusal(archive),
             Contains("is not the file that its signed Release names: expected SHA-256") && Contains("[P031]"));
  archive.clear_faults();
  CHECK(refusal(archive).empty());
}

TEST_CASE("an index that by-hash lacks is taken by its name, and a missing component is named") {
  Archive archive(kBaseSpec);
  std::filesystem::remove_all(archive.path() / "debian/dists/bookworm/main/binary-amd64/by-hash");
  CHECK(refusal(archive).empty());
  auto request = archive.request();
  request.distribution.components = {"main", "universe"};
  CHECK_THAT(
      failure_of([&] { (void)resolve(request); }),
      Contains("lists no packages of component 'universe' for amd64 [P030]") && Contains("it has the components main"));
}

TEST_CASE("a mirror that dies half-way is asked again and resumed; one that is dead is named") {
  Archive archive(kBaseSpec);
  archive.serve({"die *InRelease at=50% times=3", "drop */by-hash/* times=2"});
  CHECK(refusal(archive).empty());
  archive.clear_faults();
  archive.fault("status *InRelease code=500");
  auto request = archive.request();
  request.mirrors.by_name["debian"] = "http://127.0.0.1:1/debian";
  CHECK_THAT(failure_of([&] { (void)resolve(request); }),
             Contains("cannot reach http://127.0.0.1:1/debian/dists/bookworm") && Contains("[N001]"));
}

TEST_CASE("a stop request interrupts a resolution that waits for a mirror") {
  Archive archive(kBaseSpec);
  archive.serve({"stall *InRelease at=10"});
  std::stop_source stop;
  std::jthread stopper([&] {
    // The request is in the log once the server has begun to stall.
    while (archive.take_log().empty()) std::this_thread::yield();
    stop.request_stop();
  });
  CHECK_THROWS_AS(resolve(archive.request(), stop.get_token()), Interrupted);
}

TEST_CASE("a repository whose key is named by its fingerprint must be signed by that key") {
  Archive archive(kBaseSpec);
  const std::string fingerprint(trim(read_file(archive.path() / "fingerprint")));
  const TempDir host;
  const auto with_key = [&](const std::string& key) {
    auto request = archive.request();
    request.mirrors.host_keyrings = host.path();
    request.mirrors.host_sources = host.path() / "apt";
    request.distribution.repositories.push_back({.uri = {archive.url() + "/debian", {}},
                                                 .suites = {"bookworm"},
                                                 .components = {"main"},
                                                 .key = {key, {}},
                                                 .where = {.file = "recipe.yaml", .line = 7, .column = 5}});
    return failure_of([&] {
      const auto resolution = resolve(request);
      CHECK(resolution.repositories.back().key == key);
    });
  };
  CHECK_THAT(with_key(fingerprint), Contains("in no keyring of this machine [P025]"));
  std::filesystem::copy_file(archive.path() / "keyring.gpg", host.path() / "vendor.gpg");
  CHECK(with_key(fingerprint).empty());
  CHECK_THAT(with_key(std::string(40, 'A')), Contains("is signed by key " + fingerprint + ", not by AAAA") &&
                                                 Contains("that the recipe names [P025]") &&
                                                 Contains("recipe.yaml:7:5") &&
                                                 Contains("put it, as NAME.gpg or armoured as NAME.asc, into"));
}
