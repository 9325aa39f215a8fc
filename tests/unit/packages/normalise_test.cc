#include "builder/packages/normalise.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "base/file.h"

using namespace blueprint;
namespace fs = std::filesystem;

namespace {

struct Tree {
  TempDir directory;
  RootDir root{directory.path().string()};
  void write(const std::string& path, const std::string& text, unsigned mode = 0644) const {
    root.make_directories(fs::path(path).parent_path().string());
    root.write_file(path, text, mode);
  }
  [[nodiscard]] bool has(const std::string& path) const { return root.status(path).has_value(); }
};

}  // namespace

TEST_CASE("logs, caches, backups, keys and ids go, their neighbours stay") {
  const Tree tree;
  const std::vector<std::string> gone = {"var/log/dpkg.log",
                                         "var/log/apt/term.log",
                                         "etc/passwd-",
                                         "var/lib/dpkg/status-old",
                                         "var/cache/ldconfig/aux-cache",
                                         "var/backups/x/y/z",
                                         "etc/ssh/ssh_host_rsa_key",
                                         "etc/ssh/ssh_host_rsa_key.pub",
                                         "tmp/leftover/deep",
                                         "dev/null",
                                         "run/x",
                                         "var/cache/debconf/config.dat-old",
                                         "var/lib/apt/lists/partial"};
  const std::vector<std::string> kept = {"var/log/app.log",
                                         "etc/passwd",
                                         "var/lib/dpkg/status",
                                         "etc/ssh/sshd_config",
                                         "var/cache/debconf/config.dat",
                                         "var/cache/ldconfig/other"};
  for (const auto& path : gone) tree.write(path, "x");
  for (const auto& path : kept) tree.write(path, "x");
  packages::normalise_root(tree.root, 0);
  for (const auto& path : gone) CHECK_FALSE(tree.has(path));
  for (const auto& path : kept) CHECK(tree.has(path));
  for (const char* directory : {"tmp", "run", "dev", "var/log/apt"}) CHECK(tree.has(directory));
}

TEST_CASE("a link in place of a cleaned directory is not followed") {
  const Tree tree;
  tree.write("precious/file", "x");
  fs::create_directory_symlink("../precious", tree.directory.path() / "tmp");
  tree.root.make_directories("var");
  fs::create_directory_symlink("../precious", tree.directory.path() / "var/backups");
  packages::normalise_root(tree.root, 0);
  CHECK(tree.has("precious/file"));
}

TEST_CASE("the machine id is empty, and there only when systemd is") {
  const Tree tree;
  packages::normalise_root(tree.root, 0);
  CHECK_FALSE(tree.has("etc/machine-id"));
  tree.write("usr/lib/systemd/systemd", "");
  tree.write("etc/hostname", "x");
  packages::normalise_root(tree.root, 0);
  CHECK(tree.root.read_file("etc/machine-id").empty());
  tree.write("etc/machine-id", "0123456789abcdef\n", 0444);
  packages::normalise_root(tree.root, 0);
  CHECK(tree.root.read_file("etc/machine-id").empty());
}

TEST_CASE("password changes after the epoch happened on the day of the epoch") {
  const Tree tree;
  tree.write("etc/shadow", "root:*:20000:0:99999:7:::\nold:*:10:0:::::\nempty:*::::::\nodd:*:x:\nlast:!:19999::::::\n",
             0640);
  packages::normalise_root(tree.root, 19675 * 86400);
  CHECK(tree.root.read_file("etc/shadow") ==
        "root:*:19675:0:99999:7:::\nold:*:10:0:::::\nempty:*::::::\nodd:*:x:\nlast:!:19675::::::\n");
  CHECK((tree.root.status("etc/shadow")->st_mode & 07777) == 0640);
}

TEST_CASE("days of password changes are replaced when they are in the given period") {
  const Tree tree;
  const std::string before =
      "a:!:100:0:99999:7:::\nb:*:101::::::\nc:*:102::::::\nd:*:103::::::\ne:*:::::::\nf:*:1x1::::::\n";
  tree.write("etc/shadow", before, 0640);
  packages::replace_password_days(tree.root, 101, 102, 200);
  CHECK(tree.root.read_file_if_exists("etc/shadow") ==
        "a:!:100:0:99999:7:::\nb:*:200::::::\nc:*:200::::::\nd:*:103::::::\ne:*:::::::\nf:*:1x1::::::\n");
  CHECK((tree.root.status("etc/shadow")->st_mode & 07777U) == 0640);
  packages::replace_password_days(tree.root, 300, 400, 500);
  packages::replace_password_days(Tree().root, 0, 1000, 1);  // no such file
  CHECK(tree.root.read_file_if_exists("etc/shadow")->starts_with("a:!:100:"));
}
