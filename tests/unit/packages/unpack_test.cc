// Staging and merging, without dpkg: what lands in the tree and in the database.
#include <catch2/catch.hpp>

#include <map>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "builder/packages/dpkg_database.h"
#include "builder/packages/install_order.h"
#include "builder/packages/unpack_merge.h"
#include "builder/packages/unpack_staging.h"
#include "builder/packages/unpack_usr_merge.h"
#include "tests/support/deb_writer.h"

using namespace blueprint;
using namespace blueprint::packages;
using test::TestDeb;
namespace fs = std::filesystem;

namespace {

/// A merged root into which test packages are unpacked in the order given.
struct Lab {
  TempDir directory;
  RootDir root = make("root");
  RootDir staging = make("staging");
  unsigned count = 0;

  RootDir make(const char* name) const {
    fs::create_directories(directory.path() / name);
    return RootDir((directory.path() / name).string());
  }
  [[nodiscard]] fs::path path(const std::string& name) const { return directory.path() / "root" / name; }

  StagedPackage stage(const TestDeb& deb) {
    const fs::path file = directory.path() / "a.deb";
    write_file_atomic(file, deb.bytes());
    const LockedPackage locked{.name = deb.name, .version = deb.version, .architecture = deb.architecture};
    StagedPackage staged = read_package(file, locked);
    stage_members(file, staged, staging, std::to_string(count++));
    return staged;
  }

  void unpack(const std::vector<TestDeb>& debs) {
    const UsrMerge usr = UsrMerge::create(root, "amd64");
    DpkgDatabase database(root, usr);
    TreeMerger merger(root, staging, usr, database);
    for (const auto& deb : debs) merger.merge(stage(deb));
    database.write_status();
    database.write_triggers();
  }

  std::string unpack_error(const std::vector<TestDeb>& debs) {
    try {
      unpack(debs);
    } catch (const Error& error) {
      return error.first().code + " " + error.first().message;
    }
    return "";
  }
  [[nodiscard]] std::string list(const std::string& name) const {
    return root.read_file("var/lib/dpkg/info/" + name + ".list");
  }
};

TestDeb deb(std::string name, std::vector<test::TarMember> members, std::string fields = "") {
  return {.name = std::move(name), .fields = std::move(fields), .members = std::move(members)};
}

}  // namespace

TEST_CASE("files land with their content, mode, owner, time and links") {
  Lab lab;
  lab.unpack({deb(
      "a", {test::directory("./"),
            test::directory("./opt/", 02711),
            test::file("./opt/f", "data", 04751),
            {.name = "./opt/o", .content = "x", .uid = 12, .gid = 34, .user = "no-such-user", .group = "nor-group"},
            test::hard_link("./opt/h", "./opt/f"),
            test::symlink("./opt/l", "f")})});
  struct stat status {};
  REQUIRE(::stat(lab.path("opt/f").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 04751);
  CHECK(status.st_mtime == 1600000000);
  CHECK(status.st_nlink == 2);
  REQUIRE(::stat(lab.path("opt").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 02711);
  REQUIRE(::stat(lab.path("opt/o").c_str(), &status) == 0);
  CHECK(status.st_uid == 12);
  CHECK(status.st_gid == 34);
  CHECK(fs::read_symlink(lab.path("opt/l")) == "f");
  CHECK(read_file(lab.path("opt/h")) == "data");
  CHECK(lab.list("a") == "/.\n/opt\n/opt/f\n/opt/o\n/opt/h\n/opt/l\n");
}

TEST_CASE("names of users count where the root knows them") {
  Lab lab;
  lab.root.make_directories("etc");
  lab.root.write_file("etc/passwd", "root:x:0:0::/:/bin/sh\ndaemon:x:77:78::/:/bin/sh\n");
  lab.root.write_file("etc/group", "staff:x:99:\n");
  lab.unpack({deb("a", {{.name = "./f", .content = "x", .uid = 1, .gid = 50, .user = "daemon", .group = "staff"}})});
  struct stat status {};
  REQUIRE(::stat(lab.path("f").c_str(), &status) == 0);
  CHECK(status.st_uid == 77);
  CHECK(status.st_gid == 99);
}

TEST_CASE("short names go below /usr and stay as shipped in the database") {
  Lab lab;
  lab.unpack({deb("a", {test::directory("./"), test::directory("./bin/"), test::file("./bin/tool", "tool"),
                        test::directory("./lib64/"), test::file("./lib64/ld", "ld"),
                        test::hard_link("./bin/other", "./bin/tool")})});
  CHECK(read_file(lab.path("usr/bin/tool")) == "tool");
  CHECK(read_file(lab.path("usr/lib64/ld")) == "ld");
  CHECK(fs::read_symlink(lab.path("bin")) == "usr/bin");
  CHECK(fs::equivalent(lab.path("usr/bin/tool"), lab.path("usr/bin/other")));
  CHECK(lab.list("a") == "/.\n/bin\n/bin/tool\n/lib64\n/lib64/ld\n/bin/other\n");
}

TEST_CASE("a base-files that ships the links itself fits") {
  Lab lab;
  lab.unpack({deb("base-files", {test::directory("./"), test::directory("./usr/"), test::directory("./usr/bin/"),
                                 test::symlink("./bin", "usr/bin"), test::symlink("./lib64", "usr/lib64")}),
              deb("old", {test::directory("./bin/"), test::file("./bin/x", "x")})});
  CHECK(fs::read_symlink(lab.path("bin")) == "usr/bin");
  CHECK(read_file(lab.path("usr/bin/x")) == "x");
}

TEST_CASE("one name below / and below /usr is a conflict, unless one is a link to the other") {
  Lab lab;
  SECTION("of two packages") {
    CHECK(lab.unpack_error({deb("a", {test::file("./bin/x", "1")}), deb("b", {test::file("./usr/bin/x", "2")})}) ==
          "P103 package b cannot put '/usr/bin/x' in place: package a has it too");
  }
  SECTION("of one package, with two contents") {
    CHECK(lab.unpack_error({deb("a", {test::file("./bin/x", "1"), test::file("./usr/bin/x", "2")})})
              .starts_with("P103 package a"));
  }
  SECTION("the link second") {
    lab.unpack({deb("a", {test::file("./usr/bin/x", "1"), test::symlink("./bin/x", "/usr/bin/x")})});
    CHECK(read_file(lab.path("usr/bin/x")) == "1");
  }
  SECTION("the link first") {
    lab.unpack({deb("a", {test::symlink("./bin/x", "/usr/bin/x"), test::file("./usr/bin/x", "1")})});
    CHECK(read_file(lab.path("usr/bin/x")) == "1");
  }
}

TEST_CASE("the first package decides a directory's mode and owner") {
  Lab lab;
  lab.unpack(
      {deb("a", {test::directory("./d/", 0700)}), deb("b", {test::directory("./d/", 0777), test::file("./d/f", "")})});
  CHECK((fs::status(lab.path("d")).permissions() & fs::perms::mask) == fs::perms::owner_all);
}

TEST_CASE("a link to a directory serves as a directory, and a directory is not replaced by a link") {
  Lab lab;
  lab.unpack({deb("a", {test::directory("./real/"), test::symlink("./alias", "real")}),
              deb("b", {test::directory("./alias/"), test::file("./alias/f", "through")}),
              deb("c", {test::symlink("./real", "alias")})});
  CHECK(read_file(lab.path("real/f")) == "through");
  CHECK(fs::is_symlink(lab.path("alias")));
  CHECK_FALSE(fs::is_symlink(lab.path("real")));
}

TEST_CASE("a file where a directory is, and the other way round, are conflicts") {
  Lab lab;
  SECTION("file over directory") {
    CHECK(lab.unpack_error({deb("a", {test::directory("./x/")}), deb("b", {test::file("./x", "")})})
              .starts_with("P103 package b"));
  }
  SECTION("directory over file") {
    CHECK(lab.unpack_error({deb("a", {test::file("./x", "")}), deb("b", {test::directory("./x/")})})
              .starts_with("P103 package b"));
  }
}

TEST_CASE("the package that replaces another has the file, whichever comes first") {
  Lab lab;
  const TestDeb older = deb("older", {test::file("./f", "old"), test::file("./g", "")});
  const TestDeb newer = deb("newer", {test::file("./f", "new")}, "Replaces: older (<< 2.0)\n");
  SECTION("newer second") { lab.unpack({older, newer}); }
  SECTION("newer first") { lab.unpack({newer, older}); }
  CHECK(read_file(lab.path("f")) == "new");
  CHECK(lab.list("older") == "/g\n");
  CHECK(lab.list("newer") == "/f\n");
}

TEST_CASE("a Replaces of another version does not count") {
  Lab lab;
  CHECK(lab.unpack_error({deb("older", {test::file("./f", "old")}),
                          deb("newer", {test::file("./f", "new")}, "Replaces: older (<< 0.9)\n")})
            .starts_with("P103"));
}

TEST_CASE("packages of one name and two architectures share equal files") {
  Lab lab;
  TestDeb one = deb("lib", {test::file("./f", "same")}, "Multi-Arch: same\n");
  TestDeb two = one;
  one.architecture = "amd64";
  two.architecture = "i386";
  SECTION("equal") {
    lab.unpack({one, two});
    CHECK(lab.list("lib:amd64") == "/f\n");
    CHECK(lab.list("lib:i386") == "/f\n");
  }
  SECTION("different") {
    two.members[0].content = "else";
    CHECK(lab.unpack_error({one, two}).starts_with("P103"));
  }
}

TEST_CASE("links in a package cannot lead its files out of the root") {
  Lab lab;
  const fs::path outside = lab.directory.path() / "outside";
  fs::create_directories(outside);
  fs::create_directories(lab.directory.path() / "root" / outside.relative_path());
  lab.unpack({deb("a", {test::symlink("./trap", outside.string()), test::file("./trap/evil", "x"),
                        test::symlink("./up", "../../../../.."), test::file("./up/evil", "x")})});
  CHECK(fs::is_empty(outside));
  CHECK(read_file(lab.directory.path() / "root" / outside.relative_path() / "evil") == "x");
  CHECK(read_file(lab.path("evil")) == "x");
}

TEST_CASE("diversions and statoverrides of the root apply") {
  Lab lab;
  lab.root.make_directories("var/lib/dpkg/info");
  lab.root.make_directories("etc");
  lab.root.write_file("etc/passwd", "web:x:33:33::/:/bin/sh\n");
  lab.root.write_file("etc/group", "web:x:33:\n");
  lab.root.write_file("var/lib/dpkg/status", "");
  lab.root.write_file("var/lib/dpkg/diversions", "/bin/tool\n/bin/tool.real\nlocal-tool\n/opt/x\n/opt/x.real\n:\n");
  lab.root.write_file("var/lib/dpkg/statoverride", "web web 2750 /opt/dir\nroot web 4710 /opt/file\n");
  lab.unpack(
      {deb("a", {test::file("./usr/bin/tool", "theirs"), test::directory("./opt/"), test::file("./opt/x", "x"),
                 test::hard_link("./opt/y", "./opt/x"), test::directory("./opt/dir/"), test::file("./opt/file", "")}),
       deb("local-tool", {test::file("./bin/tool", "ours")})});
  CHECK(read_file(lab.path("usr/bin/tool")) == "ours");
  CHECK(read_file(lab.path("usr/bin/tool.real")) == "theirs");
  CHECK(fs::equivalent(lab.path("opt/x.real"), lab.path("opt/y")));
  struct stat status {};
  REQUIRE(::stat(lab.path("opt/dir").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 02750);
  CHECK(status.st_uid == 33);
  REQUIRE(::stat(lab.path("opt/file").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 04710);
  CHECK(status.st_gid == 33);
}

TEST_CASE("the stanza says unpacked and has the sums of the conffiles") {
  Lab lab;
  TestDeb a = deb("a", {test::file("./etc/c", "foo")}, "Depends: b\nSection: misc\n");
  a.scripts = {{"conffiles", "/etc/c\nremove-on-upgrade /etc/gone\n"}, {"md5sums", ""}, {"postinst", "#!/bin/sh\n"}};
  lab.unpack({a});
  CHECK(lab.root.read_file("var/lib/dpkg/status") ==
        "Package: a\nStatus: install ok unpacked\nVersion: 1.0\nArchitecture: all\n"
        "Maintainer: A Test <test@example.invalid>\nDepends: b\nSection: misc\n"
        "Description: a package made by a test\n more of it\n"
        "Conffiles:\n /etc/c acbd18db4cc2f85cedef654fccc4a4d8\n\n");
  CHECK(fs::status(lab.path("var/lib/dpkg/info/a.postinst")).permissions() == static_cast<fs::perms>(0755));
}

TEST_CASE("a conffile that was there first stays, the package's waits beside it") {
  Lab lab;
  lab.root.make_directories("etc");
  lab.root.write_file("etc/c", "mine");
  TestDeb a = deb("a", {test::file("./etc/c", "theirs")});
  a.scripts = {{"conffiles", "/etc/c\n"}};
  lab.unpack({a});
  CHECK(read_file(lab.path("etc/c")) == "mine");
  CHECK(read_file(lab.path("etc/c.dpkg-new")) == "theirs");
  CHECK(lab.root.read_file("var/lib/dpkg/status").find(" /etc/c newconffile\n") != std::string::npos);
}

TEST_CASE("md5sums are computed for a package that has none") {
  Lab lab;
  lab.unpack({deb("a", {test::file("./f", "foo")})});
  CHECK(lab.root.read_file("var/lib/dpkg/info/a.md5sums") == "acbd18db4cc2f85cedef654fccc4a4d8  f\n");
}

TEST_CASE("an empty root leaves triggers to dpkg, a configured one is told of them") {
  Lab lab;
  TestDeb listener = deb("listener", {test::directory("./usr/share/things/")});
  listener.scripts = {{"triggers", "# comment\ninterest-noawait /usr/share/things\ninterest named\nactivate other\n"}};
  SECTION("empty") {
    lab.unpack({listener});
    CHECK_FALSE(fs::exists(lab.path("var/lib/dpkg/triggers/Unincorp")));
  }
  SECTION("configured") {
    lab.root.make_directories("var/lib/dpkg/triggers");
    lab.root.make_directories("var/lib/dpkg/info");
    lab.root.write_file("var/lib/dpkg/status", "");
    lab.root.write_file("var/lib/dpkg/triggers/Unincorp", "");
    lab.root.write_file("var/lib/dpkg/triggers/File", "/usr/share/man man-db/noawait\n/usr/share/ma x\n");
    lab.root.write_file("var/lib/dpkg/triggers/named", "someone\n");
    lab.unpack(
        {listener, deb("a", {test::file("./usr/share/man/man1/a.1", ""), test::file("./usr/share/things/t", "")})});
    CHECK(lab.root.read_file("var/lib/dpkg/triggers/File") ==
          "/usr/share/man man-db/noawait\n/usr/share/ma x\n/usr/share/things listener/noawait\n");
    CHECK(lab.root.read_file("var/lib/dpkg/triggers/named") == "someone\nlistener\n");
    CHECK(lab.root.read_file("var/lib/dpkg/triggers/Unincorp") == "/usr/share/man -\n/usr/share/things -\nother -\n");
  }
}

TEST_CASE("a .deb that is not the locked package is refused") {
  Lab lab;
  write_file_atomic(lab.directory.path() / "a.deb", deb("a", {}).bytes());
  LockedPackage locked{.name = "a", .version = "2.0", .architecture = "all"};
  CHECK_THROWS_WITH(read_package(lab.directory.path() / "a.deb", locked),
                    Catch::Contains("its Version is '1.0', and the lock says '2.0'"));
}

TEST_CASE("only a preinst that merely calls dpkg-maintscript-helper is idle") {
  CHECK(preinst_is_idle("#!/bin/sh\nset -e\n# Automatically added\n"
                        "dpkg-maintscript-helper rm_conffile /etc/x 1.0\\~ -- \"$@\"\n") ==
        false);  // a backslash: not looked into
  CHECK(preinst_is_idle("#!/bin/sh\nset -e\ndpkg-maintscript-helper rm_conffile /etc/x 1.0 -- \"$@\"\nexit 0\n"));
  CHECK(preinst_is_idle("#!/bin/sh\n\n"));
  CHECK_FALSE(preinst_is_idle("#!/bin/sh\ndpkg-divert --add /bin/x\n"));
  CHECK_FALSE(preinst_is_idle("#!/bin/sh\ndpkg-maintscript-helper rm_conffile /x -- \"$@\"; useradd x\n"));
  CHECK_FALSE(preinst_is_idle("#!/bin/sh\ndpkg-maintscript-helper rm_conffile /x -- \"$@\" \\\n  && useradd x\n"));
}

TEST_CASE("essential packages come with all that they need, and nothing else does") {
  Lab lab;
  TestDeb shell = deb("shell", {}, "Essential: yes\nPre-Depends: libc (>= 2) | other-libc\nDepends: virtual\n");
  std::vector<StagedPackage> packages;
  for (const auto& one :
       {deb("editor", {}, "Depends: shell\nPre-Depends: helper\n"), shell, deb("libc", {}),
        deb("provider", {}, "Provides: virtual (= 3)\n"), deb("helper", {}, "Depends: libc, editor\n")}) {
    packages.push_back(lab.stage(one));
  }
  const InstallOrder order(packages);
  CHECK(order.essential() == InstallOrder::Numbers{1, 2, 3});
  CHECK(order.needed_before(0, {1, 2, 3}) == InstallOrder::Numbers{0, 4});
  CHECK(order.needed_before(1, {}) == InstallOrder::Numbers{2});
}
