#include "builder/packages/deb_archive.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/deb_writer.h"

using namespace blueprint;
using namespace blueprint::packages;
namespace fs = std::filesystem;

namespace {

struct Collector final : DebArchive::Receiver {
  std::vector<DataMember> members;
  std::vector<std::string> contents;
  void member(const DataMember& member) override {
    members.push_back(member);
    contents.emplace_back();
  }
  void data(std::span<const std::byte> bytes) override {
    contents.back().append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void end_of_data() override { contents.back() += "."; }
};

Collector read(const TempDir& directory, const std::string& bytes) {
  const fs::path path = directory.path() / "a.deb";
  write_file_atomic(path, bytes);
  Collector collector;
  DebArchive(path, "sample").read_data(collector);
  return collector;
}

std::string code_of(const TempDir& directory, const std::string& bytes) {
  try {
    (void)read(directory, bytes);
    (void)DebArchive(directory.path() / "a.deb", "sample").read_control();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "";
}

test::TestDeb with(std::vector<test::TarMember> members) { return {.members = std::move(members)}; }

}  // namespace

TEST_CASE("a .deb is read whatever compresses it") {
  const TempDir directory;
  const std::string compressor = GENERATE("", "gzip", "xz", "zstd");
  const std::string big(300'000, 'x');
  test::TestDeb deb{.scripts = {{"postinst", "#!/bin/sh\n"}, {"conffiles", "/etc/c\n"}},
                    .members = {test::directory("./"),
                                test::directory("./etc/", 02755),
                                test::file("./etc/c", "conf"),
                                test::file("./etc/s", big, 04755),
                                test::symlink("./etc/l", "../x"),
                                test::hard_link("./etc/h", "./etc/c"),
                                {.name = "./etc/f", .type = '6', .uid = 7, .group = "adm"}}};
  deb.compressor = compressor;
  const Collector got = read(directory, deb.bytes());
  REQUIRE(got.members.size() == 7);
  CHECK(got.members[0].path.empty());
  CHECK(got.members[1].path == "etc");
  CHECK(got.members[1].mode == 02755);
  CHECK(got.contents[2] == "conf.");
  CHECK(got.contents[3] == big + ".");
  CHECK(got.members[3].mode == 04755);
  CHECK(got.members[4].target == "../x");
  CHECK(got.members[5].type == MemberType::HardLink);
  CHECK(got.members[5].target == "etc/c");
  CHECK(got.members[6].type == MemberType::Fifo);
  CHECK(got.members[6].uid == 7);
  CHECK(got.members[6].group == "adm");

  const auto control = DebArchive(directory.path() / "a.deb", "sample").read_control();
  REQUIRE(control.size() == 3);
  CHECK(control[1].name == "postinst");
  CHECK(control[1].mode == 0755);
  CHECK(control[1].mtime == 1600000000);
  CHECK(control[2].content == "/etc/c\n");
}

TEST_CASE("names of any length and any bytes are kept") {
  const TempDir directory;
  const std::string name = "./" + std::string(200, 'd') + "/" + std::string(250, 'f') + "\xff\x01";
  const Collector got = read(directory, with({test::file(name, "x")}).bytes());
  REQUIRE(got.members.size() == 1);
  CHECK("./" + got.members[0].path == name);
}

TEST_CASE("members that lead out of the root, and devices, are refused") {
  const TempDir directory;
  CHECK(code_of(directory, with({test::file("./../evil", "x")}).bytes()) == "P102");
  CHECK(code_of(directory, with({test::file("./a/../../evil", "x")}).bytes()) == "P102");
  CHECK(code_of(directory, with({test::hard_link("./a", "../../etc/shadow")}).bytes()) == "P102");
  CHECK(code_of(directory, with({{.name = "./null", .type = '3'}}).bytes()) == "P102");
  CHECK(code_of(directory, with({{.name = "./sda", .type = '4'}}).bytes()) == "P102");
  CHECK(code_of(directory, with({test::symlink("./", "/etc")}).bytes()) == "P102");
  test::TestDeb control;
  control.scripts = {{"../../evil", "x"}};
  CHECK(code_of(directory, control.bytes()) == "P102");
}

TEST_CASE("an absolute name is one inside the root") {
  const TempDir directory;
  const Collector got = read(directory, with({test::file("/etc/x", "x")}).bytes());
  CHECK(got.members.at(0).path == "etc/x");
}

TEST_CASE("a .deb that is cut anywhere is an error that names the package") {
  const TempDir directory;
  test::TestDeb deb = with({test::file("./a", "hello")});
  deb.compressor = GENERATE("", "xz");
  const std::string whole = deb.bytes();
  const std::size_t data = whole.find("data.tar");
  for (std::size_t size = 0; size < data + 60 + 40; size += 7) {
    INFO("cut to " << size << " of " << whole.size());
    CHECK(code_of(directory, whole.substr(0, size)) == "P101");
  }
}

TEST_CASE("no flipped byte makes the reader crash or accept another type") {
  const TempDir directory;
  const std::string whole = with({test::directory("./d/"), test::file("./d/a", "hello")}).bytes();
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const std::string code = code_of(directory, damaged);
    INFO("byte " << at);
    CHECK((code.empty() || code == "P101" || code == "P102"));
  }
}

TEST_CASE("what is not a .deb is an error") {
  const TempDir directory;
  CHECK(code_of(directory, "") == "P101");
  CHECK(code_of(directory, "hello, I am a text file that is long enough") == "P101");
  CHECK(code_of(directory, test::ar_bytes({{"debian-binary", "3.0\n"}})) == "P101");
  CHECK(code_of(directory, test::ar_bytes({{"debian-binary", "2.0\n"}, {"data.tar", test::tar_bytes({})}})) == "P101");
  CHECK(code_of(
            directory,
            test::ar_bytes({{"debian-binary", "2.0\n"}, {"control.tar", test::tar_bytes({})}, {"data.tar.xz", "?"}})) ==
        "P101");
}
