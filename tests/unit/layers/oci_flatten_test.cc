#include "layers/oci_flatten.h"

#include <catch2/catch.hpp>

#include "tests/unit/layers/message.h"

namespace blueprint::layers {
namespace {

using testing::message_of;
using Kind = OciMember::Kind;

constexpr std::int64_t kEpoch = 1000;

OciMember directory(std::string path, std::uint32_t mode = 0755) {
  OciMember member{.path = std::move(path), .type = FileType::Directory};
  member.metadata.mode = mode;
  return member;
}
OciMember file(std::string path, std::uint64_t size = 0) {
  OciMember member{.path = std::move(path)};
  member.metadata = {.mode = 0644, .uid = 1, .gid = 2, .mtime = {.seconds = 10}, .xattrs = {}};
  member.size = size;
  member.data_file = size > 0 ? "/data" : "";
  return member;
}
OciMember symlink(std::string path, std::string target) {
  return {.path = std::move(path), .type = FileType::Symlink, .target = std::move(target)};
}
OciMember hard_link(std::string path, std::string target) {
  return {.kind = Kind::HardLink, .path = std::move(path), .target = std::move(target)};
}
OciMember whiteout(std::string path) { return {.kind = Kind::Whiteout, .path = std::move(path)}; }
OciMember opaque(std::string path) { return {.kind = Kind::Opaque, .path = std::move(path)}; }

using Layers = std::vector<std::vector<OciMember>>;

/// "path" for each file, "path/" for a directory, "path@target" for a symbolic link, "path=first" for a hard link.
std::vector<std::string> flat(Layers layers) {
  OciFlattening flattening(kEpoch);
  for (auto& layer : layers) flattening.add(std::move(layer), "layer");
  std::vector<std::string> names;
  for (const auto& planned : flattening.take()) {
    const Change& change = planned.change;
    std::string name = change.path;
    if (change.type == FileType::Directory) name += "/";
    if (change.type == FileType::Symlink) name += "@" + change.target;
    if (!change.link_to.empty()) name += "=" + change.link_to;
    names.push_back(std::move(name));
  }
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a whiteout hides what the layers below have and nothing of its own layer") {
  const Layers below{{directory("a"), file("a/x"), file("a/y"), file("b")}};
  const auto with = [&](std::vector<OciMember> layer) {
    Layers layers = below;
    layers.push_back(std::move(layer));
    return flat(layers);
  };
  CHECK(with({whiteout("b"), whiteout("a/x")}) == Names{"/", "a/", "a/y"});
  CHECK(with({whiteout("a")}) == Names{"/", "b"});
  // Wherever it stands, before or behind what its own layer puts.
  CHECK(with({whiteout("a"), directory("a"), file("a/z")}) == Names{"/", "a/", "a/z", "b"});
  CHECK(with({directory("a"), file("a/z"), whiteout("a")}) == Names{"/", "a/", "a/z", "b"});
  CHECK(with({file("b"), whiteout("b")}) == Names{"/", "a/", "a/x", "a/y", "b"});
  CHECK(with({whiteout("nothing"), whiteout("no/thing"), whiteout("b/x")}).size() == 5);
}

TEST_CASE("an opaque directory has only what its own layer and those above put") {
  const Layers below{{directory("a"), file("a/x"), directory("a/d"), file("a/d/y")}};
  const auto with = [&](std::vector<OciMember> layer) {
    Layers layers = below;
    layers.push_back(std::move(layer));
    layers.push_back({file("a/later")});
    return flat(layers);
  };
  CHECK(with({directory("a"), opaque("a"), file("a/z")}) == Names{"/", "a/", "a/later", "a/z"});
  CHECK(with({directory("a"), file("a/d/z"), opaque("a")}) == Names{"/", "a/", "a/d/", "a/d/z", "a/later"});
  CHECK(with({opaque("")}) == Names{"/", "a/", "a/later"});
  CHECK(with({opaque("a/x"), opaque("none")}).size() == 6);
}

TEST_CASE("a directory over a directory keeps its entries, anything else replaces") {
  CHECK(flat({{directory("a"), file("a/x")}, {directory("a", 0700)}}) == Names{"/", "a/", "a/x"});
  CHECK(flat({{directory("a"), file("a/x")}, {file("a")}}) == Names{"/", "a"});
  CHECK(flat({{file("a")}, {directory("a"), file("a/x")}}) == Names{"/", "a/", "a/x"});
  CHECK(flat({{directory("d"), symlink("a", "d")}, {directory("a"), file("a/x")}}) == Names{"/", "a/", "a/x", "d/"});
  CHECK(flat({{file("a/b/c")}}) == Names{"/", "a/", "a/b/", "a/b/c"});
}

TEST_CASE("symbolic links on the way are followed inside the image") {
  CHECK(flat({{directory("usr/bin"), symlink("bin", "usr/bin")}, {file("bin/tool")}}) ==
        Names{"/", "bin@usr/bin", "usr/", "usr/bin/", "usr/bin/tool"});
  CHECK(flat({{directory("etc"), symlink("x", "/../../../etc")}, {file("x/passwd")}}) ==
        Names{"/", "etc/", "etc/passwd", "x@/../../../etc"});
  CHECK(flat({{directory("a"), file("a/x"), symlink("l", "a")}, {whiteout("l/x")}}) == Names{"/", "a/", "l@a"});
}

TEST_CASE("hard links are names of one file, also of one of a layer below") {
  CHECK(flat({{file("b", 5), hard_link("a", "b")}}) == Names{"/", "a", "b=a"});
  CHECK(flat({{file("b", 5)}, {hard_link("c", "b")}, {file("b")}}) == Names{"/", "b", "c"});
  CHECK(flat({{file("b", 5)}, {hard_link("b", "b")}}) == Names{"/", "b"});
  CHECK(flat({{symlink("s", "t"), hard_link("u", "s")}}) == Names{"/", "s@t", "u@t"});
}

TEST_CASE("members that cannot be placed are refused by name") {
  const auto message = [](Layers layers) { return message_of([&] { return flat(std::move(layers)); }); };
  const std::string start = "layer layer has a member that cannot be placed: ";
  CHECK(message({{file("a"), file("a/b")}}) == start + "'a' lies below something that is no directory [O009]");
  CHECK(message({{symlink("a", "b"), symlink("b", "a"), file("a/x")}}) ==
        start + "'a' lies behind symbolic links that go in a circle [O009]");
  CHECK(message({{hard_link("a", "b")}}) == start + "'a' is a hard link to no file [O009]");
  CHECK(message({{directory("b"), hard_link("a", "b")}}) == start + "'a' is a hard link to no file [O009]");
  // Each link makes what lies behind it deeper.
  Layers deep;
  std::string path = "d";
  for (int i = 0; i < 1000; ++i) path += "/d";
  for (int i = 0; i < 5; ++i) {
    deep.push_back({directory(i == 0 ? path : "l" + std::to_string(i) + "/" + path),
                    symlink("l" + std::to_string(i + 1), i == 0 ? path : "l" + std::to_string(i) + "/" + path)});
  }
  CHECK_THAT(message(deep), Catch::Contains("is too deep [O009]"));
}

TEST_CASE("metadata is the last layer's, and no time is later than the epoch") {
  OciFlattening flattening(kEpoch);
  OciMember late = file("b", 3);
  late.metadata.mtime = {.seconds = 2000, .nanoseconds = 7};
  flattening.add({directory("a", 0700), late}, "1");
  OciMember root = directory("", 0711);
  root.metadata.uid = 9;
  flattening.add({directory("a", 01777), root}, "2");
  const auto changes = flattening.take();
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].change.metadata.mode == 0711);
  CHECK(changes[0].change.metadata.uid == 9);
  CHECK(changes[1].change.metadata.mode == 01777);
  CHECK(changes[2].change.metadata.mtime == Timestamp{.seconds = kEpoch});
  CHECK(changes[2].change.metadata.gid == 2);
  CHECK(changes[2].change.size == 3);
  CHECK(std::get<HostFile>(changes[2].source).path == "/data");
}

}  // namespace blueprint::layers
