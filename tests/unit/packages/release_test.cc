#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "builder/packages/index_decompress.h"
#include "builder/packages/index_stanza.h"
#include "builder/packages/repository_release.h"

using namespace blueprint;
using namespace blueprint::packages;

namespace {

const std::string kDigest(64, 'a');

std::string release_text(const std::string& more = "") {
  return "Origin: Debian\nSuite: oldstable\nCodename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: "
         "yes\n"
         "Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\nComponents: main contrib\n" +
         more + "MD5Sum:\n 0 1 x\nSHA256:\n " + kDigest + "  50060337 main/binary-amd64/Packages\n " + kDigest +
         " 12 main/binary-amd64/Packages.xz\n";
}

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "";
}

}  // namespace

TEST_CASE("a Release file is read") {
  const auto release = parse_release(release_text("Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC\n"), "u");
  CHECK(release.suite == "oldstable");
  CHECK(release.codename == "bookworm");
  CHECK(release.date == 1783764997);
  CHECK(release.valid_until == 1784369797);
  CHECK(release.by_hash);
  CHECK(release.all_included);
  CHECK(release.components == std::vector<std::string>{"main", "contrib"});
  REQUIRE(release.files.size() == 2);
  CHECK(release.files.at("main/binary-amd64/Packages").size_bytes == 50060337);
  CHECK(release.files.at("main/binary-amd64/Packages.xz").sha256.hex() == kDigest);
}

TEST_CASE("the packages of architecture all are in each index unless the Release says otherwise") {
  std::string text = release_text();
  text.erase(text.find("No-Support"), text.find("Components") - text.find("No-Support"));
  CHECK_FALSE(parse_release(text, "u").all_included);
  text.replace(text.find("all amd64"), 9, "amd64");
  CHECK(parse_release(text, "u").all_included);
}

TEST_CASE("a Release file without date or sums is refused") {
  CHECK(code_of([] { (void)parse_release("", "u"); }) == "P013");
  CHECK(code_of([] { (void)parse_release("Suite: x\n", "u"); }) == "P013");
  CHECK(code_of([] { (void)parse_release("Date: Sat, 11 Jul 2026 10:16:37 UTC\n", "u"); }) == "P013");
  CHECK(code_of([] { (void)parse_release("Date: Sat, 11 Jul 2026 10:16:37 UTC\nSHA256:\n zz 1 x\n", "u"); }) == "P013");
  CHECK(code_of([] { (void)parse_release(release_text("Valid-Until: tomorrow\n"), "u"); }) == "P013");
}

TEST_CASE("a Release file of another suite or past its date is refused, a dated copy never expires") {
  const auto release = parse_release(release_text("Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC\n"), "u");
  RepositorySource source{.name = "debian", .url = "http://m", .suite = "bookworm"};
  CHECK_NOTHROW(check_release(release, source, 1784000000));
  CHECK(code_of([&] { check_release(release, source, 1785000000); }) == "P012");
  source.snapshot = "20260712T000000Z";
  CHECK_NOTHROW(check_release(release, source, 1785000000));
  source.suite = "oldstable";
  CHECK_NOTHROW(check_release(release, source, 1784000000));
  source.suite = "trixie";
  CHECK(code_of([&] { check_release(release, source, 1784000000); }) == "P014");
}

TEST_CASE("dates of Release files are understood in the form that archives use") {
  CHECK(parse_release_date("Thu, 01 Jan 1970 00:00:00 UTC") == 0);
  CHECK(parse_release_date("Sat,  8 Aug 2026 07:05:09 +0000") == 1786172709);
  for (const char* bad : {"", "Sat, 11 Jul 2026 10:16:37 CET", "2026-07-11", "Sat, 11 Foo 2026 10:16:37 UTC",
                          "Sat, 11 Jul 2026 10:16 UTC", "Sat, 32 Jul 2026 10:16:37 UTC",
                          "Sat, 11 Jul -2147483648 10:16:37 UTC", "Sat, 11 Jul 2026 24:00:00 UTC"}) {
    CHECK_FALSE(parse_release_date(bad));
  }
}

TEST_CASE("stanzas keep folded values and skip comments") {
  const auto stanzas = parse_stanzas("A: 1\n# no\nB: x\n y\n .\n z\n\n\n\nC:\n 2\r\nd: 3");
  REQUIRE(stanzas.size() == 2);
  CHECK(stanzas[0].get("a") == "1");
  CHECK(stanzas[0].get("B") == "x\ny\n.\nz");
  CHECK(stanzas[1].get("C") == "\n2");
  CHECK(stanzas[1].get("D") == "3");
  CHECK(stanzas[1].get("E").empty());
}

TEST_CASE("an index that is damaged or longer than announced is refused") {
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x4e\x49\x05\x00\xc2\x41\x24\x35\x05\x00\x00\x00", 25);
  const auto unpack = [](std::string_view bytes, std::uint64_t limit) {
    std::string text;
    decompress_index(std::as_bytes(std::span(bytes.data(), bytes.size())), limit, "u",
                     [&](std::span<const std::byte> piece) {
                       text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
                     });
    return text;
  };
  CHECK(unpack("Package: a\n", 100) == "Package: a\n");
  CHECK(unpack("", 100).empty());
  CHECK(code_of([&] { (void)unpack("Package: a\n", 5); }) == "P033");
  CHECK(code_of([&] { (void)unpack(gzip.substr(0, 14), 100); }) == "P033");
}
