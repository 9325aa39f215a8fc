#include "builder/steps/placement.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;
using layers::Change;
using layers::FileType;
using steps::Placement;

namespace {

/// A tree of the given directories, symbolic links ("bin -> usr/bin") and files.
layers::FileTree tree_of(const std::vector<std::string>& directories,
                         const std::vector<std::pair<std::string, std::string>>& links,
                         const std::vector<std::string>& files = {}) {
  std::vector<layers::PlannedChange> planned;
  const auto add = [&](std::string path, FileType type, std::string target) {
    layers::PlannedChange made;
    made.change.path = std::move(path);
    made.change.type = type;
    made.change.target = std::move(target);
    planned.push_back(std::move(made));
  };
  for (const auto& path : directories) add(path, FileType::Directory, "");
  for (const auto& [path, target] : links) add(path, FileType::Symlink, target);
  for (const auto& path : files) add(path, FileType::Regular, "");
  layers::sort_changes(planned);
  auto index = std::make_shared<layers::LayerIndex>();
  for (auto& made : planned) index->changes.push_back(std::move(made.change));
  return layers::FileTree({index});
}

const SourceSpan kWhere{.file = "r.yaml", .line = 7, .column = 3};

}  // namespace

TEST_CASE("a path through the image's own symbolic links ends where they lead") {
  const auto tree = tree_of({"", "usr", "usr/bin"}, {{"bin", "usr/bin"}});
  Placement placement(tree, 5);
  CHECK(placement.make_place("/bin/tool", kWhere) == "usr/bin/tool");
  CHECK(placement.take().empty());
}

TEST_CASE("missing parents are made once, mode 0755, owned by root, at the epoch") {
  const auto tree = tree_of({"", "opt"}, {});
  Placement placement(tree, 5);
  CHECK(placement.make_place("/opt/a/b/file", kWhere) == "opt/a/b/file");
  CHECK(placement.make_place("/opt/a/b/other", kWhere) == "opt/a/b/other");
  const auto changes = placement.take();
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].change.path == "opt/a");
  CHECK(changes[1].change.path == "opt/a/b");
  CHECK(changes[1].change.type == FileType::Directory);
  CHECK(changes[1].change.metadata.mode == 0755);
  CHECK(changes[1].change.metadata.mtime.seconds == 5);
}

TEST_CASE("a file cannot lie below a file, nor replace a directory") {
  const auto tree = tree_of({"", "etc"}, {{"lost", "nowhere"}}, {"etc/motd"});
  Placement placement(tree, 0);
  CHECK_THROWS_WITH(placement.make_place("/etc/motd/x", kWhere),
                    Catch::Contains("R102") && Catch::Contains("not a directory"));
  CHECK_THROWS_WITH(placement.make_place("/lost/x", kWhere), Catch::Contains("leads nowhere"));
  CHECK_THROWS_WITH(placement.put_file("etc", {}, {}, kWhere),
                    Catch::Contains("R103") && Catch::Contains("r.yaml:7:3"));
  CHECK_THROWS_WITH(placement.make_place("/a/../b", kWhere), Catch::Contains("R102"));
  CHECK(placement.make_place("/" + std::string(255, 'a'), kWhere) == std::string(255, 'a'));
  CHECK_THROWS_WITH(placement.make_place("/" + std::string(256, 'a'), kWhere),
                    Catch::Contains("R102") && Catch::Contains("255 bytes a name"));
  CHECK_THROWS_WITH(placement.put_directory("etc/motd", {}, kWhere), Catch::Contains("R102"));
}
