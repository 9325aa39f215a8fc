#include "layers/changeset.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::message_of;

namespace {

PlannedChange put(std::string path, std::string link_to = {}) {
  PlannedChange planned;
  planned.change.path = std::move(path);
  planned.change.link_to = std::move(link_to);
  if (planned.change.link_to.empty()) {
    planned.change.size = 5;
    planned.source = MemoryFile{"bytes"};
  }
  return planned;
}

std::vector<std::string> shown(const std::vector<PlannedChange>& changes) {
  std::vector<std::string> lines;
  for (const auto& [change, source] : changes) {
    lines.push_back(change.path + (change.link_to.empty() ? "" : " -> " + change.link_to) +
                    (std::holds_alternative<MemoryFile>(source) ? " data" : ""));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a directory comes directly before what is in it") {
  std::vector<PlannedChange> changes;
  for (const char* path : {"a.b", "a-b", "a/b/c", "b", "a/b", "a", "", "a\x01", "a/\xff"}) changes.push_back(put(path));
  sort_changes(changes);
  CHECK(shown(changes) == Lines{" data", "a data", "a/b data", "a/b/c data", "a/\xff data", "a\x01 data", "a-b data",
                                "a.b data", "b data"});
}

TEST_CASE("comparing paths is a total order that agrees with comparing their components") {
  const std::vector<std::string> paths{"", "a", "a/a", "a/b", "a\x01", "a!", "a-", "ab", "b", "\xff"};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    for (std::size_t j = 0; j < paths.size(); ++j) {
      const int order = compare_paths(paths[i], paths[j]);
      CHECK((order < 0) == (i < j));
      CHECK((order == 0) == (i == j));
    }
  }
}

TEST_CASE("the first name of a file holds its data") {
  std::vector<PlannedChange> changes{put("z"), put("a", "z"), put("m", "z")};
  sort_changes(changes);
  CHECK(shown(changes) == Lines{"a data", "m -> a", "z -> a"});
  sort_changes(changes);
  CHECK(shown(changes) == Lines{"a data", "m -> a", "z -> a"});
}

TEST_CASE("links to links become links to the data") {
  std::vector<PlannedChange> changes{put("c", "b"), put("b", "a"), put("a"), put("x", "y"), put("y", "in-parent")};
  sort_changes(changes);
  CHECK(shown(changes) == Lines{"a data", "b -> a", "c -> a", "x -> in-parent", "y -> in-parent"});
}

TEST_CASE("two changes of one path are refused") {
  std::vector<PlannedChange> changes{put("usr/a"), put("b"), put("usr/a")};
  CHECK(message_of([&] {
          sort_changes(changes);
          return 0;
        }) == "a layer changes /usr/a twice [L010]");
}

TEST_CASE("links in a circle are refused") {
  std::vector<PlannedChange> changes{put("a", "b"), put("b", "a")};
  CHECK(message_of([&] {
          sort_changes(changes);
          return 0;
        }) == "the hard links of /a lead in a circle [L012]");
}

TEST_CASE("the parent of a path is the directory that holds it") {
  CHECK(parent_path("usr/bin/env") == "usr/bin");
  CHECK(parent_path("usr").empty());
  CHECK(parent_path("").empty());
}
