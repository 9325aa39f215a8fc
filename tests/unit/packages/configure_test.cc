#include "builder/packages/configure.h"

#include <catch2/catch.hpp>

#include "builder/packages/deb_control.h"
#include "builder/packages/install.h"

using namespace blueprint::packages;

TEST_CASE("dpkg's output tells the package at work, however it is cut") {
  const std::string text =
      "Setting up a (1.0) ...\nhello\nSetting up libb:amd64 (2) ...\nworld\nProcessing triggers for man-db (3) "
      "...\nrebuilding\n";
  for (std::size_t cut = 1; cut < 9; ++cut) {
    DpkgOutput output;
    for (std::size_t at = 0; at < text.size(); at += cut) output.take(std::string_view(text).substr(at, cut));
    CHECK(output.package() == "man-db");
    CHECK(output.begun() == 2);
    CHECK(output.last_lines() == std::vector<std::string>{"rebuilding"});
    CHECK(output.complaint().empty());
  }
}

TEST_CASE("the lines kept are those of the package that failed first") {
  DpkgOutput output;
  output.take("Setting up a (1.0) ...\n");
  for (int i = 0; i < 50; ++i) output.take("line " + std::to_string(i) + "\n");
  output.take(
      "dpkg: error processing package a (--configure):\n"
      " installed a package post-installation script subprocess returned error exit status 3\n"
      "dpkg: dependency problems prevent configuration of b:\n"
      "dpkg: error processing package b (--configure):\n dependency problems - leaving unconfigured\n");
  CHECK(output.package() == "a");
  CHECK(output.complaint() == "installed a package post-installation script subprocess returned error exit status 3");
  REQUIRE(output.last_lines().size() == 40);
  CHECK(output.last_lines().front() == "line 10");
  CHECK(output.last_lines().back() == "line 49");
}

TEST_CASE("a stanza keeps order, folded lines and blanks at the end") {
  const std::string text = "Package: a\nDescription: one \n two\n .\n  three\nConffiles:\n /etc/x 1\n";
  const ControlStanza stanza = ControlStanza::parse(text);
  CHECK(stanza.format() == text);
  CHECK(stanza.get("package") == "a");
  CHECK(stanza.get("Absent").empty());
}

TEST_CASE("relations are read with versions, alternatives, architectures and profiles") {
  const auto relations = parse_relations("libc6 (>= 2.36), a:any | b (<<1:2~rc1) [amd64] , c <!nocheck>,, (");
  REQUIRE(relations.size() == 3);
  CHECK(relations[0][0].name == "libc6");
  CHECK(relations[0][0].op == ">=");
  CHECK(relations[1][0].name == "a");
  CHECK(relations[1][1].op == "<<");
  CHECK(relations[1][1].version == "1:2~rc1");
  CHECK(relations[2][0].name == "c");
  CHECK(satisfies("2.37", relations[0][0]));
  CHECK_FALSE(satisfies("2.35-9", relations[0][0]));
  CHECK(satisfies("1:1", relations[1][1]));
}

TEST_CASE("only installed packages are listed, by name") {
  const auto list = installed_packages(
      "Package: z\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n"
      "Package: a\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n");
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "a");
  CHECK(list[0].version == "2");
  CHECK(list[1].architecture == "all");
}
