#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "layers/data_digest.h"
#include "layers/layer_writer.h"
#include "tests/unit/layers/store_fixture.h"

namespace fs = std::filesystem;
using namespace blueprint;
using namespace blueprint::layers;

namespace {

constexpr std::int64_t kEpoch = 1'700'000'000;

Metadata metadata(std::uint32_t mode) { return {.mode = mode, .mtime = {.seconds = kEpoch}}; }

Change put(std::string path, FileType type, std::uint32_t mode = 0644) {
  return {.kind = ChangeKind::Put, .path = std::move(path), .type = type, .metadata = metadata(mode)};
}

Change directory(std::string path) { return put(std::move(path), FileType::Directory, 0755); }

Change file(std::string path, std::string_view bytes) {
  Change change = put(std::move(path), FileType::Regular);
  change.size = bytes.size();
  change.data_digest = data_digest(bytes);
  return change;
}

Change hard_link(std::string path, std::string to) {
  Change change = put(std::move(path), FileType::Regular);
  change.link_to = std::move(to);
  return change;
}

FileTree tree(std::vector<Change> changes) {
  std::vector<PlannedChange> planned;
  for (auto& change : changes) planned.push_back({.change = std::move(change)});
  sort_changes(planned);
  LayerIndex index;
  for (auto& entry : planned) index.changes.push_back(std::move(entry.change));
  return FileTree({std::make_shared<const LayerIndex>(std::move(index))});
}

/// An upper directory as overlayfs leaves it.
class Upper {
 public:
  Upper() { fs::permissions(dir_.path(), fs::perms(0755)); }
  fs::path operator/(const std::string& path) const { return dir_.path() / path; }

  void directory(const std::string& path) const {
    fs::create_directory(*this / path);
    REQUIRE(::chmod((*this / path).c_str(), 0755) == 0);
    age(path);
  }
  void opaque(const std::string& path) const {
    REQUIRE(::setxattr((*this / path).c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0);
  }
  void file(const std::string& path, std::string_view bytes) const {
    write_file_atomic(*this / path, bytes, 0644);
    age(path);
  }
  void whiteout(const std::string& path) const { REQUIRE(::mknod((*this / path).c_str(), S_IFCHR, 0) == 0); }
  /// As if it had been written by a clock that runs a year late: after clamping, the epoch.
  void age(const std::string& path) const {
    const timespec time{.tv_sec = kEpoch + 365 * 86400, .tv_nsec = 123};
    const timespec times[2] = {time, time};
    REQUIRE(::utimensat(AT_FDCWD, (*this / path).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
  }
  std::vector<Change> diff(const FileTree& parent, const std::vector<std::string>& skip = {},
                           const TimeClamp& times = {.epoch = kEpoch}) const {
    ThreadPool pool(2);
    std::vector<Change> changes;
    for (auto& planned : diff_upper(dir_.path().string(), parent, times, skip, pool)) {
      if (planned.change.type == FileType::Regular && planned.change.link_to.empty() &&
          planned.change.kind == ChangeKind::Put) {
        CHECK(std::get<HostFile>(planned.source).path == (*this / planned.change.path).string());
      } else {
        CHECK(std::holds_alternative<NoData>(planned.source));
      }
      changes.push_back(std::move(planned.change));
    }
    return changes;
  }

 private:
  TempDir dir_;
};

/// "put a, remove b": kinds and paths, in order.
std::string summary(const std::vector<Change>& changes) {
  std::string text;
  for (const auto& change : changes) {
    if (!text.empty()) text += ", ";
    if (change.kind == ChangeKind::Remove) text += "remove ";
    if (change.kind == ChangeKind::Metadata) text += "metadata ";
    if (change.kind == ChangeKind::Put) text += change.link_to.empty() ? "put " : "link ";
    text += change.path.empty() ? "/" : change.path;
    if (!change.link_to.empty()) text += " to " + change.link_to;
  }
  return text;
}

}  // namespace

TEST_CASE("what a step wrote by a clock that is before the epoch has the epoch as its time, what it kept has its own") {
  const Upper upper;
  const auto write = [&](const std::string& path, std::int64_t seconds) {
    upper.file(path, path);
    const timespec time{.tv_sec = seconds, .tv_nsec = 5};
    const timespec times[2] = {time, time};
    REQUIRE(::utimensat(AT_FDCWD, (upper / path).c_str(), times, 0) == 0);
  };
  constexpr std::int64_t kClock = kEpoch - 1000;
  write("after", kClock + 11);
  write("before", kClock - 1);
  write("first", kClock);
  write("last", kClock + 10);
  const TimeClamp times{
      .epoch = kEpoch,
      .ran = TimeClamp::While{.began = {kClock, 5}, .ended = {.seconds = kClock + 10, .nanoseconds = 5}}};
  std::map<std::string, Timestamp> found;
  for (const auto& change : upper.diff(FileTree({}), {}, times)) found[change.path] = change.metadata.mtime;
  CHECK(found.at("after") == Timestamp{kClock + 11, 5});
  CHECK(found.at("before") == Timestamp{kClock - 1, 5});
  CHECK(found.at("first") == Timestamp{kEpoch, 0});
  CHECK(found.at("last") == Timestamp{kEpoch, 0});
}

TEST_CASE("an untouched upper directory changed nothing") {
  const Upper upper;
  CHECK(upper.diff(tree({directory(""), directory("etc")})).empty());
}

TEST_CASE("over nothing everything is put, and the root directory is root's") {
  const Upper upper;
  REQUIRE(::chmod((upper / "").c_str(), 0700) == 0);
  upper.directory("etc");
  upper.file("etc/hostname", "box\n");
  const auto changes = upper.diff(FileTree({}));
  CHECK(summary(changes) == "put /, put etc, put etc/hostname");
  CHECK(changes[0].metadata.mode == 0755);
  CHECK(changes[0].metadata.uid == 0);
  CHECK(changes[2].size == 4);
}

TEST_CASE("times are clamped to the epoch") {
  const Upper upper;
  upper.file("new", "x");
  upper.file("old", "x");
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 1000, .tv_nsec = 5}};
  REQUIRE(::utimensat(AT_FDCWD, (upper / "old").c_str(), times, 0) == 0);
  const auto changes = upper.diff(tree({directory(""), directory("etc")}));
  REQUIRE(summary(changes) == "put new, put old");
  CHECK(changes[0].metadata.mtime == Timestamp{.seconds = kEpoch, .nanoseconds = 0});
  CHECK(changes[1].metadata.mtime == Timestamp{.seconds = 1000, .nanoseconds = 5});
}

TEST_CASE("a file that was copied up and not changed is no change") {
  const Upper upper;
  upper.directory("etc");
  upper.file("etc/passwd", "root:x:0:0");
  CHECK(upper.diff(tree({directory(""), directory("etc"), file("etc/passwd", "root:x:0:0")})).empty());
}

TEST_CASE("a file whose mode or owner changed is only a change of metadata") {
  const Upper upper;
  upper.file("tool", "#!/bin/sh");
  REQUIRE(::chown((upper / "tool").c_str(), 70'000, 5) == 0);
  REQUIRE(::chmod((upper / "tool").c_str(), 04755) == 0);
  const auto changes = upper.diff(tree({directory(""), file("tool", "#!/bin/sh")}));
  REQUIRE(summary(changes) == "metadata tool");
  CHECK(changes[0].metadata.mode == 04755);
  CHECK(changes[0].metadata.uid == 70'000);
  CHECK(changes[0].metadata.gid == 5);
}

TEST_CASE("a file with other bytes is put, also when its size is the same") {
  const Upper upper;
  upper.file("same-size", "abd");
  upper.file("longer", "abcd");
  const auto changes = upper.diff(tree({directory(""), file("same-size", "abc"), file("longer", "abc")}));
  REQUIRE(summary(changes) == "put longer, put same-size");
  CHECK(changes[1].data_digest == data_digest("abd"));
}

TEST_CASE("xattrs, capabilities and ACLs belong to a file, overlayfs' own do not") {
  const Upper upper;
  upper.file("ping", "x");
  const std::string path = upper / "ping";
  const std::string capability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  REQUIRE(::setxattr(path.c_str(), "security.capability", capability.data(), capability.size(), 0) == 0);
  REQUIRE(::setxattr(path.c_str(), "user.note", "n", 1, 0) == 0);
  REQUIRE(::setxattr(path.c_str(), "user.empty", "", 0, 0) == 0);
  REQUIRE(::setxattr(path.c_str(), "trusted.overlay.origin", "o", 1, 0) == 0);
  const std::string big(3000, 'v');
  REQUIRE(::setxattr(path.c_str(), "user.big", big.data(), big.size(), 0) == 0);
  const auto changes = upper.diff(tree({directory(""), file("ping", "x")}));
  REQUIRE(summary(changes) == "metadata ping");
  CHECK(changes[0].metadata.xattrs ==
        std::vector<Xattr>{
            {"security.capability", capability}, {"user.big", big}, {"user.empty", ""}, {"user.note", "n"}});
}

TEST_CASE("a whiteout removes what the parent has and nothing else") {
  const Upper upper;
  upper.whiteout("dir");
  upper.whiteout("never-there");
  const auto parent = tree({directory(""), directory("dir"), file("dir/file", "x")});
  CHECK(summary(upper.diff(parent)) == "remove dir");
}

TEST_CASE("a device with numbers is no whiteout") {
  const Upper upper;
  REQUIRE(::mknod((upper / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  const auto changes = upper.diff(tree({directory(""), directory("etc")}));
  REQUIRE(summary(changes) == "put null");
  CHECK(changes[0].device_major == 1);
  CHECK(changes[0].device_minor == 3);
}

TEST_CASE("an opaque directory removes what it hides and keeps what is in both") {
  const Upper upper;
  upper.directory("d");
  upper.opaque("d");
  upper.file("d/new", "n");
  upper.file("d/same", "s");
  upper.directory("d/sub");
  upper.file("d/sub/kept", "k");
  upper.whiteout("d/whited");
  const auto parent = tree({directory(""), directory("d"), file("d/gone", "g"), file("d/same", "s"), directory("d/sub"),
                            file("d/sub/kept", "k"), file("d/sub/lost", "l"), directory("d/tree"),
                            file("d/tree/deep", "x"), file("d/whited", "w")});
  CHECK(summary(upper.diff(parent)) == "remove d/gone, put d/new, remove d/sub/lost, remove d/tree, remove d/whited");
}

TEST_CASE("a file replaced by a directory and a directory by a file are put") {
  const Upper upper;
  upper.directory("was-file");
  upper.opaque("was-file");
  upper.file("was-file/inside", "x");
  upper.file("was-dir", "x");
  const auto parent = tree({directory(""), file("was-file", "y"), directory("was-dir"), file("was-dir/f", "z")});
  CHECK(summary(upper.diff(parent)) == "put was-dir, put was-file, put was-file/inside");
}

TEST_CASE("symbolic links, fifos and sockets are compared with the parent's") {
  const Upper upper;
  fs::create_symlink("target", upper / "same");
  fs::create_symlink("elsewhere", upper / "other");
  REQUIRE(::mkfifo((upper / "pipe").c_str(), 0600) == 0);
  REQUIRE(::chmod((upper / "pipe").c_str(), 0600) == 0);
  REQUIRE(::mknod((upper / "socket").c_str(), S_IFSOCK | 0600, 0) == 0);
  for (const char* name : {"same", "other", "pipe", "socket"}) upper.age(name);
  Change same = put("same", FileType::Symlink, 0777);
  same.target = "target";
  Change other = put("other", FileType::Symlink, 0777);
  other.target = "target";
  const auto changes = upper.diff(tree({directory(""), same, other, put("pipe", FileType::Fifo, 0600)}));
  REQUIRE(summary(changes) == "put other, put socket");
  CHECK(changes[0].target == "elsewhere");
  CHECK(changes[1].type == FileType::Socket);
}

TEST_CASE("names of one inode become hard links") {
  const Upper upper;
  upper.file("b", "x");
  fs::create_hard_link(upper / "b", upper / "a");
  fs::create_hard_link(upper / "b", upper / "c");
  upper.age("b");
  CHECK(summary(upper.diff(tree({directory(""), directory("etc")}))) == "put a, link b to a, link c to a");
}

TEST_CASE("a new name of a file of the parent is only a link") {
  const Upper upper;
  upper.file("old", "x");
  fs::create_hard_link(upper / "old", upper / "another");
  upper.age("old");
  CHECK(summary(upper.diff(tree({directory(""), file("old", "x")}))) == "link another to old");
}

TEST_CASE("a new name may sort before the old one, and the file's mode change with it") {
  const Upper upper;
  upper.file("old", "x");
  fs::create_hard_link(upper / "old", upper / "a-new");
  REQUIRE(::chmod((upper / "old").c_str(), 0600) == 0);
  upper.age("old");
  CHECK(summary(upper.diff(tree({directory(""), file("old", "x")}))) == "link a-new to old, metadata old");
}

TEST_CASE("all names of a file copied up together are the parent's file") {
  const Upper upper;
  upper.file("a", "x");
  fs::create_hard_link(upper / "a", upper / "b");
  upper.age("a");
  const auto parent = tree({directory(""), file("a", "x"), hard_link("b", "a")});
  CHECK(upper.diff(parent).empty());
  REQUIRE(::chmod((upper / "b").c_str(), 0600) == 0);
  CHECK(summary(upper.diff(parent)) == "metadata a");
}

TEST_CASE("one name of a hard-linked file that changed leaves the other names alone") {
  const Upper upper;
  upper.file("b", "x");
  const auto parent = tree({directory(""), file("a", "x"), hard_link("b", "a")});
  CHECK(upper.diff(parent).empty());
  REQUIRE(::chmod((upper / "b").c_str(), 0600) == 0);
  const auto changes = upper.diff(parent);
  REQUIRE(summary(changes) == "put b");
  CHECK(changes[0].data_digest == data_digest("x"));
}

TEST_CASE("skipped paths are neither put nor removed") {
  const Upper upper;
  upper.directory("run");
  upper.file("run/pid", "1");
  upper.directory("tmp");
  upper.opaque("tmp");
  upper.whiteout("proc");
  const auto parent =
      tree({directory(""), directory("proc"), directory("tmp"), file("tmp/skipped", ""), file("tmp/not", "")});
  CHECK(summary(upper.diff(parent, {"run", "proc", "tmp/skipped"})) == "remove tmp/not");
}

TEST_CASE("names that sort between a directory and its content do not confuse it") {
  const Upper upper;
  upper.directory("a");
  upper.opaque("a");
  upper.file("a/z", "1");
  upper.file("a-b", "2");
  upper.file("a.b", "3");
  const auto parent = tree({directory(""), directory("a"), file("a/b", ""), file("a/z", "1"), file("a-b", "2")});
  CHECK(summary(upper.diff(parent)) == "remove a/b, put a.b");
}

TEST_CASE("any byte may be in a name") {
  const Upper upper;
  const std::string name = "\xff\xfe\n\x01 name";
  upper.file(name, "x");
  const auto changes = upper.diff(tree({directory(""), directory("etc")}));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].path == name);
}

TEST_CASE("an upper directory that needs redirects to be read is refused") {
  const Upper upper;
  upper.directory("moved");
  REQUIRE(::setxattr((upper / "moved").c_str(), "trusted.overlay.redirect", "/old", 4, 0) == 0);
  CHECK(failure_of([&] { (void)upper.diff(tree({directory(""), directory("etc")})); }).code == "S057");
}
