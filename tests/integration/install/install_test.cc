// Whole installations with the host's own dpkg, without a network: an essential package "base" is made of the host's
// dpkg, shell and a few tools, and the packages around it are written by the tests.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/install.h"
#include "small_root.h"
#include "tests/support/deb_writer.h"

using namespace blueprint;
using namespace blueprint::packages;
using rootfs::BuildRoot;
using test::TestDeb;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kEpoch = 1700000000;

/// Every file below `directory` as members of a package.
std::vector<test::TarMember> members_of(const fs::path& directory) {
  std::vector<test::TarMember> members = {test::directory("./")};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const std::string name = "./" + path.lexically_relative(directory).string();
    if (fs::is_symlink(path)) {
      members.push_back(test::symlink(name, fs::read_symlink(path).string()));
    } else if (fs::is_directory(path)) {
      members.push_back(test::directory(name + "/", static_cast<unsigned>(fs::status(path).permissions())));
    } else {
      members.push_back(test::file(name, read_file(path), static_cast<unsigned>(fs::status(path).permissions())));
    }
  }
  return members;
}

/// A package with dpkg and what it and the scripts of these tests call.
const TestDeb& base_package() {
  static const TestDeb package = [] {
    const TempDir directory;
    test::make_small_root(directory.path(), {"sh",           "dpkg",
                                             "dpkg-query",   "dpkg-deb",
                                             "dpkg-divert",  "dpkg-split",
                                             "dpkg-trigger", "ldconfig",
                                             "tar",          "rm",
                                             "mv",           "mkdir",
                                             "rmdir",        "cat",
                                             "ls",           "id",
                                             "ln",           "cp",
                                             "chmod",        "chown",
                                             "touch",        "sleep",
                                             "env",          "diff",
                                             "sort",         "start-stop-daemon"});
    TestDeb base{
        .name = "base", .architecture = "amd64", .fields = "Essential: yes\n", .members = members_of(directory.path())};
    // Its preinst proves that preinsts of essential packages run in the unpacked root.
    base.scripts = {{"preinst", "#!/bin/sh\nset -e\necho base >> /var/preinsts\n"}};
    base.members.push_back(test::directory("./var/"));
    return base;
  }();
  return package;
}

/// Remembers what was said; asks to stop when a text appears.
class Recorder final : public Events {
 public:
  std::string text;
  std::string stop_at;
  std::stop_source source;
  void started(std::string_view, std::string_view) override {}
  void progress(std::string_view, const Progress&) override {}
  void output(std::string_view, std::string_view chunk) override {
    text += chunk;
    if (!stop_at.empty() && text.find(stop_at) != std::string::npos) source.request_stop();
  }
  void finished(std::string_view, std::string_view) override {}
  void note(std::string_view) override {}
};

struct Lab {
  TempDir directory;
  fs::path debs = directory.path() / "debs";
  Recorder events;
  InstallRequest request;
  int roots = 0;

  explicit Lab(bool bootstrap = true) {
    fs::create_directories(debs);
    request.debs = debs;
    request.epoch = kEpoch;
    request.stage = "test";
    request.bootstrap = bootstrap;
    if (bootstrap) add(base_package());
  }

  void add(const TestDeb& deb, bool automatic = false) {
    const std::string bytes = deb.bytes();
    LockedPackage locked{
        .name = deb.name, .version = deb.version, .architecture = deb.architecture, .size_bytes = bytes.size()};
    locked.sha256 = sha256(bytes);
    locked.essential = deb.fields.find("Essential: yes") != std::string::npos;
    locked.automatic = automatic;
    write_file_atomic(debs / (locked.sha256.hex() + ".deb"), bytes);
    request.packages.push_back(std::move(locked));
  }

  /// Installs what was added and gives the upper directory.
  fs::path install(const std::vector<fs::path>& lower = {}, unsigned threads = 2) {
    const fs::path work = directory.path() / fmt::format("root-{}", roots++);
    fs::create_directories(work);
    BuildRoot root({.lower = lower, .work = work, .epoch = kEpoch});
    ThreadPool pool(threads);
    install_packages(root, request, pool, events, events.source.get_token());
    root.close();
    return work / "upper";
  }

  std::string error(const std::vector<fs::path>& lower = {}) {
    try {
      install(lower);
    } catch (const Error& error) {
      return error.first().code + " " + error.first().message;
    }
    return "no error";
  }
};

/// A configured root with the base package, and a package that counts triggers; made once.
const fs::path& parent_tree() {
  static Lab lab;
  static const fs::path tree = [] {
    TestDeb listener{.name = "listener",
                     .members = {test::directory("./usr/share/things/"), test::file("./opt/listener", "")}};
    listener.scripts = {{"triggers", "interest-noawait /usr/share/things\n"},
                        {"postinst", "#!/bin/sh\nif [ \"$1\" = triggered ]; then echo \"$@\" >> /var/triggered; fi\n"}};
    TestDeb old{.name = "growing",
                .members = {test::file("./etc/growing", "default 1\n"), test::file("./opt/only-in-1", "")}};
    old.scripts = {{"conffiles", "/etc/growing\n"}, {"prerm", "#!/bin/sh\necho \"prerm $@\" >> /var/growing\n"}};
    lab.add(listener);
    lab.add(old);
    return lab.install();
  }();
  return tree;
}

/// One line per file: what must be equal in equal trees. Times are clamped later, by whoever reads the tree.
std::map<std::string, std::string> describe(const fs::path& tree) {
  std::map<std::string, std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(tree)) {
    struct stat status {};
    REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
    std::string content;
    if (S_ISLNK(status.st_mode)) content = fs::read_symlink(entry.path());
    if (S_ISREG(status.st_mode)) content = sha256(read_file(entry.path())).short_hex();
    lines[entry.path().lexically_relative(tree).string()] =
        fmt::format("{:o} {}:{} links {} {}", status.st_mode, status.st_uid, status.st_gid,
                    S_ISDIR(status.st_mode) ? 0 : status.st_nlink, content);
  }
  return lines;
}

std::string differences(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  std::string text;
  for (const auto& [path, line] : a) {
    const auto other = b.find(path);
    if (other == b.end()) {
      text += "only in the first: " + path + "\n";
    } else if (other->second != line) {
      text += path + ": " + line + " and " + other->second + "\n";
    }
  }
  for (const auto& [path, line] : b) {
    if (!a.contains(path)) text += "only in the second: " + path + "\n";
  }
  return text;
}

std::string text_of(const fs::path& path) { return read_file_if_exists(path).value_or("(no such file)"); }

}  // namespace

TEST_CASE("a root is bootstrapped, configured and clean") {
  Lab lab;
  TestDeb hello{
      .name = "hello", .fields = "Depends: libhello\n", .members = {test::file("./usr/bin/hello", "hi", 0755)}};
  hello.scripts = {{"postinst",
                    "#!/bin/sh\nset -e\n/usr/sbin/policy-rc.d || echo policy $? > /var/policy\n"
                    "echo \"$SOURCE_DATE_EPOCH $DEBIAN_FRONTEND $SYSTEMD_OFFLINE\" > /var/environment\n"}};
  lab.add(hello);
  lab.add({.name = "libhello", .architecture = "amd64", .fields = "Multi-Arch: same\n"}, true);
  lab.request.apt_sources = "Types: deb\n";
  lab.request.sources_name = "debian";
  const fs::path root = lab.install();

  const auto installed = installed_packages(text_of(root / "var/lib/dpkg/status"));
  CHECK(installed.size() == 3);
  CHECK(text_of(root / "var/preinsts") == "base\n");
  CHECK(text_of(root / "var/policy") == "policy 101\n");
  CHECK(text_of(root / "var/environment") == "1700000000 noninteractive 1\n");
  CHECK_FALSE(fs::exists(root / "usr/sbin/policy-rc.d"));
  CHECK(text_of(root / "var/lib/apt/extended_states") ==
        "Package: libhello\nArchitecture: amd64\nAuto-Installed: 1\n\n");
  CHECK(text_of(root / "etc/apt/sources.list.d/debian.sources") == "Types: deb\n");
  CHECK(fs::exists(root / "var/lib/dpkg/info/libhello:amd64.list"));
  for (const char* gone : {"var/lib/dpkg/status-old", "var/lib/dpkg/lock", "var/lib/dpkg/tmp.ci",
                           "var/lib/dpkg/blueprint-preinst", "var/log/dpkg.log", ".blueprint-staging"}) {
    CHECK_FALSE(fs::exists(root / gone));
  }
  CHECK(fs::is_empty(root / "dev"));
}

TEST_CASE("threads, umask and directory leave no trace in the tree") {
  std::vector<std::map<std::string, std::string>> trees;
  for (const unsigned threads : {1U, 4U}) {
    Lab lab;
    for (int i = 0; i < 20; ++i) {
      const std::string name = fmt::format("p{}", i);
      TestDeb deb{.name = name, .members = {test::directory("./shared/", i % 2 == 0 ? 0755 : 0700)}};
      for (int j = 0; j < 30; ++j)
        deb.members.push_back(test::file(fmt::format("./shared/{}-{}", name, j), std::string(j * 100, 'x')));
      if (i % 5 == 0) deb.scripts = {{"preinst", "#!/bin/sh\necho " + name + " >> /var/preinsts\n"}};
      deb.compressor = i % 3 == 0 ? "xz" : "";
      lab.add(deb);
    }
    const mode_t before = ::umask(threads == 1 ? 0077 : 0002);
    trees.push_back(describe(lab.install({}, threads)));
    ::umask(before);
  }
  CHECK(differences(trees[0], trees[1]) == "");
}

TEST_CASE("a preinst runs as dpkg runs it, before its package is unpacked and after what it pre-depends on") {
  Lab lab(false);
  TestDeb diverter{
      .name = "diverter", .fields = "Pre-Depends: helper\n", .members = {test::file("./usr/bin/tool", "mine", 0755)}};
  diverter.scripts = {
      {"preinst",
       "#!/bin/sh\nset -e\n[ ! -e /usr/bin/tool ] || exit 9\ncat /var/helper\n"
       "echo \"$0 $* $PWD $DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_ARCH $DPKG_MAINTSCRIPT_NAME\" > /var/seen\n"
       "echo 'worker:x:700:700::/:/bin/sh' >> /etc/passwd\n"
       "dpkg-divert --package diverter --add --rename --divert /usr/bin/victim.real /usr/bin/victim\n"}};
  diverter.members.push_back({.name = "./opt/owned", .content = "x", .uid = 1, .user = "worker"});
  TestDeb helper{.name = "helper"};
  helper.scripts = {{"postinst", "#!/bin/sh\necho configured > /var/helper\n"}};
  TestDeb victim{
      .name = "victim", .fields = "Pre-Depends: diverter\n", .members = {test::file("./usr/bin/victim", "victim")}};
  victim.scripts = {{"preinst", "#!/bin/sh\ntest -e /usr/bin/tool\n"}};
  lab.add(victim);
  lab.add(diverter);
  lab.add(helper);
  const fs::path upper = lab.install({parent_tree()});
  CHECK(text_of(upper / "var/seen") == "/var/lib/dpkg/tmp.ci/preinst install / diverter all preinst\n");
  CHECK(text_of(upper / "usr/bin/tool") == "mine");
  CHECK(text_of(upper / "usr/bin/victim.real") == "victim");
  CHECK_FALSE(fs::exists(upper / "usr/bin/victim"));
  struct stat status {};
  REQUIRE(::stat((upper / "opt/owned").c_str(), &status) == 0);
  CHECK(status.st_uid == 700);
}

TEST_CASE("triggers of the parent's packages fire for what a layer adds") {
  Lab lab(false);
  lab.add({.name = "thing", .members = {test::file("./usr/share/things/a", "")}});
  const fs::path upper = lab.install({parent_tree()});
  CHECK(text_of(upper / "var/triggered") == "triggered /usr/share/things\n");
}

TEST_CASE("a layer holds only what its packages and the database changed") {
  Lab lab(false);
  lab.add({.name = "thing", .members = {test::directory("./opt/"), test::file("./opt/thing", "x")}});
  const auto tree = describe(lab.install({parent_tree()}));
  for (const auto& [path, line] : tree) {
    INFO(path);
    const bool expected = path == "opt" || path == "opt/thing" || path == "var" || path == "var/lib" || path == "usr" ||
                          path == "usr/sbin" || path == "var/log" || path.starts_with("var/lib/dpkg") ||
                          path.starts_with("var/lib/apt") || path.starts_with("var/log/");
    CHECK(expected);
  }
}

TEST_CASE("dpkg is told of a foreign architecture") {
  Lab lab(false);
  TestDeb native{.name = "lib",
                 .architecture = "amd64",
                 .fields = "Multi-Arch: same\n",
                 .members = {test::file("./opt/shared", "s")}};
  TestDeb foreign = native;
  foreign.architecture = "i386";
  lab.add(native);
  lab.add(foreign);
  const fs::path upper = lab.install({parent_tree()});
  CHECK(text_of(upper / "var/lib/dpkg/arch") == "amd64\ni386\n");
  CHECK(installed_packages(text_of(upper / "var/lib/dpkg/status")).size() == 5);
}

TEST_CASE("a conffile that the recipe placed first is kept") {
  Lab first(false);
  TestDeb deb{.name = "service", .members = {test::file("./etc/service.conf", "default\n")}};
  deb.scripts = {{"conffiles", "/etc/service.conf\n"}};
  first.add(deb);
  const fs::path seeded = first.directory.path() / "seeded";
  fs::create_directories(seeded / "etc");
  write_file_atomic(seeded / "etc/service.conf", "from the recipe\n");
  const fs::path upper = first.install({parent_tree(), seeded});
  CHECK_FALSE(fs::exists(upper / "etc/service.conf.dpkg-new"));
  CHECK(text_of(upper / "etc/service.conf.dpkg-dist") == "default\n");
  CHECK_FALSE(fs::exists(upper / "etc/service.conf"));  // unchanged: still the lower tree's
}

TEST_CASE("an upgrade of the parent's package is dpkg's work") {
  Lab lab(false);
  TestDeb newer{.name = "growing",
                .version = "2.0",
                .members = {test::file("./etc/growing", "default 2\n"), test::file("./opt/2", "")}};
  newer.scripts = {{"conffiles", "/etc/growing\n"}};
  lab.add(newer);
  const fs::path upper = lab.install({parent_tree()});
  CHECK(text_of(upper / "var/growing") == "prerm upgrade 2.0\n");
  CHECK(text_of(upper / "etc/growing") == "default 2\n");
  struct stat status {};
  REQUIRE(::lstat((upper / "opt/only-in-1").c_str(), &status) == 0);
  CHECK(S_ISCHR(status.st_mode));
  CHECK(text_of(upper / "var/lib/dpkg/status").find("Package: growing\nStatus: install ok installed\n") !=
        std::string::npos);
}

TEST_CASE("our unpacking and dpkg's give the same tree and the same status") {
  std::vector<std::map<std::string, std::string>> trees;
  std::vector<std::string> statuses;
  for (const Unpacker unpacker : {Unpacker::Own, Unpacker::Dpkg}) {
    Lab lab(false);
    lab.request.unpacker = unpacker;
    // As dpkg-deb writes archives: with every directory, and symbolic links last.
    TestDeb all{.name = "all",
                .architecture = "amd64",
                .fields = "Multi-Arch: same\nReplaces: other\nSource: src (1.1)\n",
                .members = {test::directory("./"),
                            test::directory("./bin/"),
                            test::file("./bin/short", "b", 0755),
                            test::directory("./etc/"),
                            test::file("./etc/all.conf", "c"),
                            test::directory("./opt/"),
                            test::directory("./opt/d/", 02775),
                            test::file("./opt/d/suid", "s", 06755),
                            {.name = "./opt/d/hard", .type = '1', .link = "./opt/d/suid", .mode = 06755},
                            test::directory("./usr/"),
                            test::directory("./usr/share/"),
                            test::directory("./usr/share/things/"),
                            test::file("./usr/share/things/t", ""),
                            test::symlink("./opt/d/link", "/etc/passwd")}};
    all.scripts = {{"conffiles", "/etc/all.conf\n"},
                   {"md5sums", "0cc175b9c0f1b6a831c399e269772661  opt/d/suid\n"},
                   {"triggers", "interest all-trigger\nactivate-noawait other-trigger\n"},
                   {"postinst", "#!/bin/sh\necho \"$@\" >> /var/all\n"}};
    TestDeb other{.name = "other",
                  .members = {test::directory("./"), test::directory("./bin/"), test::file("./bin/short", "lost"),
                              test::directory("./opt/"), test::file("./opt/kept", "k")}};
    other.scripts = {{"triggers", "interest-await other-trigger\n"},
                     {"postinst", "#!/bin/sh\necho \"$@\" >> /var/other\n"},
                     {"md5sums", "8ce4b16b22b58894aa86c421e8759df3  opt/kept\n"}};
    lab.add(other);
    lab.add(all);
    const fs::path upper = lab.install({parent_tree()});
    statuses.push_back(text_of(upper / "var/lib/dpkg/status"));
    trees.push_back(describe(upper));
    // Written by us and emptied again by dpkg; when dpkg unpacks, it stays empty all the time.
    trees.back().erase("var/lib/dpkg/triggers/Unincorp");
    CHECK(text_of(upper / "var/lib/dpkg/info/other.list") == "/.\n/bin\n/opt\n/opt/kept\n");
  }
  CHECK(statuses[0] == statuses[1]);
  CHECK(differences(trees[0], trees[1]) == "");
}

TEST_CASE("a postinst that fails is named, with its last lines") {
  Lab lab(false);
  TestDeb bad{.name = "bad"};
  bad.scripts = {{"postinst", "#!/bin/sh\necho first words\necho last words >&2\nexit 42\n"}};
  lab.add({.name = "fine"});
  lab.add(bad);
  const std::string message = lab.error({parent_tree()});
  CHECK(message.starts_with("P104 package bad failed: "));
  CHECK(message.find("exit status 42") != std::string::npos);
  CHECK(message.ends_with("its last lines were:\n    first words\n    last words"));
}

TEST_CASE("a preinst that fails is named, with its last lines") {
  Lab lab(false);
  TestDeb bad{.name = "bad"};
  bad.scripts = {{"preinst", "#!/bin/sh\necho no such luck\nexit 3\n"}};
  lab.add(bad);
  CHECK(lab.error({parent_tree()}) == "P104 package bad failed: exit code 3; its last lines were:\n    no such luck");
}

TEST_CASE("packages that conflict, damaged or missing packages end in an error") {
  Lab lab(false);
  lab.add({.name = "one", .members = {test::file("./opt/x", "1")}});
  SECTION("conflict") {
    lab.add({.name = "two", .members = {test::file("./opt/x", "2")}});
    CHECK(lab.error({parent_tree()}) == "P103 package two cannot put '/opt/x' in place: package one has it too");
  }
  SECTION("conflict with the parent") {
    lab.add({.name = "two", .members = {test::file("./etc/growing", "2")}});
    CHECK(lab.error({parent_tree()}) ==
          "P103 package two cannot put '/etc/growing' in place: package growing has it too");
  }
  SECTION("damage") {
    for (const auto& entry : fs::directory_iterator(lab.debs))
      fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
    CHECK(lab.error({parent_tree()}).starts_with("P101 the package file of one cannot be read"));
  }
  SECTION("nothing essential") {
    lab.request.bootstrap = true;
    CHECK(lab.error().starts_with("P106"));
  }
  SECTION("unmet dependency") {
    lab.add({.name = "two", .fields = "Depends: three\n"});
    const std::string message = lab.error({parent_tree()});
    CHECK(message.starts_with("P104 package two failed: dependency problems"));
  }
}

TEST_CASE("a stop request ends a configuration under way") {
  Lab lab(false);
  TestDeb slow{.name = "slow"};
  slow.scripts = {{"postinst", "#!/bin/sh\necho about to sleep\nsleep 1000\n"}};
  lab.add(slow);
  lab.events.stop_at = "about to sleep";
  CHECK_THROWS_AS(lab.install({parent_tree()}), Interrupted);
}
