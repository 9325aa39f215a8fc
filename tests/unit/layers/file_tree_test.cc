#include "layers/file_tree.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/unit/layers/message.h"

using namespace blueprint;
using namespace blueprint::layers;
using blueprint::layers::testing::message_of;

namespace {

Change put(std::string path, FileType type = FileType::Regular, std::uint32_t mode = 0644) {
  Change change;
  change.path = std::move(path);
  change.type = type;
  change.metadata.mode = mode;
  return change;
}
Change directory(std::string path, std::uint32_t mode = 0755) {
  return put(std::move(path), FileType::Directory, mode);
}
Change file(std::string path, std::uint64_t size) {
  Change change = put(std::move(path));
  change.size = size;
  return change;
}
Change soft_link(std::string path, std::string target) {
  Change change = put(std::move(path), FileType::Symlink, 0777);
  change.target = std::move(target);
  return change;
}
Change hard_link(std::string path, std::string to) {
  Change change = put(std::move(path));
  change.link_to = std::move(to);
  return change;
}
Change removed(std::string path) {
  Change change;
  change.kind = ChangeKind::Remove;
  change.path = std::move(path);
  return change;
}
Change metadata(std::string path, std::uint32_t mode, FileType type = FileType::Regular) {
  Change change = put(std::move(path), type, mode);
  change.kind = ChangeKind::Metadata;
  return change;
}

using Layers = std::vector<std::shared_ptr<const LayerIndex>>;

Layers stack(std::vector<std::vector<Change>> changes) {
  Layers layers;
  for (auto& each : changes) {
    std::sort(each.begin(), each.end(),
              [](const Change& a, const Change& b) { return compare_paths(a.path, b.path) < 0; });
    auto index = std::make_shared<LayerIndex>();
    index->changes = std::move(each);
    layers.push_back(std::move(index));
  }
  return layers;
}

/// "path type-letter mode inode/links", for each entry but the root.
std::vector<std::string> shown(const FileTree& tree) {
  std::vector<std::string> lines;
  for (const auto& entry : tree.entries()) {
    if (entry.path.empty()) continue;
    char text[64];
    std::snprintf(text, sizeof(text), " %c %o %d/%d", "fdlcbps"[static_cast<int>(entry.type)], entry.metadata.mode,
                  static_cast<int>(entry.inode), static_cast<int>(entry.links));
    lines.push_back(entry.path + text);
  }
  return lines;
}
using Lines = std::vector<std::string>;

std::string fault(std::vector<std::vector<Change>> changes) {
  return message_of([&] { return FileTree(stack(std::move(changes))); });
}

}  // namespace

TEST_CASE("the root directory is always there") {
  const FileTree tree(Layers{});
  REQUIRE(tree.entries().size() == 1);
  CHECK(tree.find("")->type == FileType::Directory);
  CHECK(tree.find("")->metadata.mode == 0755);
  CHECK(FileTree(stack({{directory("", 0700)}})).find("")->metadata.mode == 0700);
}

TEST_CASE("a layer adds, changes and removes") {
  const FileTree tree(stack({{directory("a"), put("a/x"), put("a/y"), put("b")},
                             {put("a/x", FileType::Fifo), removed("a/y"), metadata("b", 04755), put("c")}}));
  CHECK(shown(tree) == Lines{"a d 755 2/1", "a/x p 644 3/1", "b f 4755 4/1", "c f 644 5/1"});
}

TEST_CASE("a removed directory takes all below it, and nothing beside it") {
  const FileTree tree(
      stack({{directory("a"), directory("a/b"), put("a/b/c"), put("a-b"), put("a!"), directory("ab"), put("ab/c")},
             {removed("a")}}));
  CHECK(shown(tree) == Lines{"a! f 644 2/1", "a-b f 644 3/1", "ab d 755 4/1", "ab/c f 644 5/1"});
}

TEST_CASE("a directory put over a directory keeps what is in it") {
  const FileTree tree(stack({{directory("a"), put("a/x")}, {directory("a", 0700)}}));
  CHECK(shown(tree) == Lines{"a d 700 2/1", "a/x f 644 3/1"});
}

TEST_CASE("a file put over a directory removes what was in it, and back") {
  const FileTree tree(stack({{directory("a"), put("a/x")}, {put("a")}, {directory("a"), put("a/y")}}));
  CHECK(shown(tree) == Lines{"a d 755 2/1", "a/y f 644 3/1"});
}

TEST_CASE("removing what is not there changes nothing") {
  CHECK(shown(FileTree(stack({{put("b")}, {removed("a"), removed("c/d")}}))) == Lines{"b f 644 2/1"});
}

TEST_CASE("hard links are names of one file") {
  const FileTree tree(stack({{file("a", 7), hard_link("b", "a"), put("c")}}));
  CHECK(shown(tree) == Lines{"a f 644 2/2", "b f 644 2/2", "c f 644 3/1"});
  CHECK(tree.find("b")->size == 7);
  CHECK(tree.find("b")->data_path == "a");
}

TEST_CASE("a hard link into a lower layer joins its names") {
  const FileTree tree(stack({{file("z", 7)}, {hard_link("a", "z")}}));
  CHECK(shown(tree) == Lines{"a f 644 2/2", "z f 644 2/2"});
  CHECK(tree.find("a")->data_path == "z");
  CHECK(tree.find("a")->data_layer == 0);
}

TEST_CASE("metadata changes of one name change the file, whatever its name") {
  const FileTree tree(stack({{file("a", 7), hard_link("b", "a")}, {metadata("b", 0600)}}));
  CHECK(shown(tree) == Lines{"a f 600 2/2", "b f 600 2/2"});
}

TEST_CASE("a name that is put again leaves the other names of its file alone") {
  const FileTree tree(stack(
      {{file("a", 7), hard_link("b", "a"), hard_link("c", "a")}, {file("a", 9), hard_link("d", "a"), removed("c")}}));
  CHECK(shown(tree) == Lines{"a f 644 2/2", "b f 644 3/1", "d f 644 2/2"});
  CHECK(tree.find("b")->size == 7);
  CHECK(tree.find("b")->data_path == "a");
  CHECK(tree.find("b")->data_layer == 0);
  CHECK(tree.find("d")->data_layer == 1);
}

TEST_CASE("a file can be renamed by a link to a path that the same layer removes") {
  CHECK(shown(FileTree(stack({{file("a", 7)}, {removed("a"), hard_link("b", "a")}}))) == Lines{"b f 644 2/1"});
}

TEST_CASE("layers that do not fit each other are refused") {
  const std::string start = "the layers of the image do not fit each other: ";
  CHECK(fault({{put("a/b")}}) == start + "/a/b: what holds it is no directory [L004]");
  CHECK(fault({{put("a")}, {put("a/b")}}) == start + "/a/b: what holds it is no directory [L004]");
  CHECK(fault({{directory("a"), put("a/b")}, {removed("a"), put("a/c")}}) ==
        start + "/a/c: what holds it is no directory [L004]");
  CHECK(fault({{metadata("a", 0)}}) == start + "/a: its metadata changes but it is not there [L004]");
  CHECK(fault({{put("a")}, {metadata("a", 0, FileType::Fifo)}}) == start + "/a: it is of another type [L004]");
  CHECK(fault({{hard_link("a", "b")}}) == start + "/a: it is a hard link to a file that is not there [L004]");
  CHECK(fault({{hard_link("a", "b"), put("b")}}) == start + "/a: it is a hard link to a file that is not there [L004]");
  CHECK(fault({{directory("a"), hard_link("b", "a")}}) == start + "/b: it is a hard link to a directory [L004]");
}

TEST_CASE("paths resolve as in a chroot") {
  const FileTree tree(stack({{directory("usr"), directory("usr/bin"), put("usr/bin/env"), soft_link("bin", "usr/bin"),
                              directory("a"), soft_link("a/up", "../../../usr"), soft_link("abs", "/bin/env"),
                              soft_link("loop", "loop2"), soft_link("loop2", "loop"), soft_link("dangling", "nowhere"),
                              soft_link("dir", "usr/"), soft_link("filedir", "abs/")}}));
  const auto resolved = [&](std::string_view path) {
    const auto* entry = tree.resolve(path);
    return entry == nullptr ? "nothing" : "/" + entry->path;
  };
  CHECK(resolved("usr/bin/env") == "/usr/bin/env");
  CHECK(resolved("/bin/env") == "/usr/bin/env");
  CHECK(resolved("bin//./env") == "/usr/bin/env");
  CHECK(resolved("bin") == "/usr/bin");
  CHECK(resolved("bin/") == "/usr/bin");
  CHECK(resolved("a/up/bin/env") == "/usr/bin/env");
  CHECK(resolved("abs") == "/usr/bin/env");
  CHECK(resolved("dir") == "/usr");
  CHECK(resolved("") == "/");
  CHECK(resolved("/") == "/");
  CHECK(resolved("../../usr/..") == "/");
  CHECK(resolved("bin/..") == "/usr");
  CHECK(resolved("loop") == "nothing");
  CHECK(resolved("dangling") == "nothing");
  CHECK(resolved("usr/bin/env/") == "nothing");
  CHECK(resolved("usr/bin/env/..") == "nothing");
  CHECK(resolved("filedir") == "nothing");
  CHECK(resolved("usr/none") == "nothing");
}

TEST_CASE("at most 40 symbolic links are followed") {
  std::vector<Change> changes{put("l00")};
  const auto name = [](int number) { return (number < 10 ? "l0" : "l") + std::to_string(number); };
  for (int i = 1; i <= 41; ++i) changes.push_back(soft_link(name(i), name(i - 1)));
  const FileTree tree(stack({changes}));
  CHECK(tree.resolve(name(40)) == tree.find("l00"));
  CHECK(tree.resolve(name(41)) == nullptr);
}

TEST_CASE("a directory lists its own names in order") {
  const FileTree tree(stack({{directory("a"), put("a/z"), directory("a/d"), put("a/d/e"), directory("a/d/f"),
                              put("a/d/f/g"), put("a/d-"), put("b")}}));
  Lines names;
  for (const auto* entry : tree.list("a")) names.push_back(entry->path);
  CHECK(names == Lines{"a/d", "a/d-", "a/z"});
  names.clear();
  for (const auto* entry : tree.list("")) names.push_back(entry->path);
  CHECK(names == Lines{"a", "b"});
  CHECK(tree.list("b").empty());
  CHECK(tree.list("none").empty());
}

namespace {

/// A tree by the plainest means: a map from path to inode.
struct Model {
  struct Inode {
    FileType type;
    std::uint32_t mode;
    std::uint64_t size;
  };
  struct Less {
    bool operator()(const std::string& a, const std::string& b) const { return compare_paths(a, b) < 0; }
  };
  std::map<std::string, std::shared_ptr<Inode>, Less> names;

  Model() { names[""] = std::make_shared<Inode>(Inode{FileType::Directory, 0755, 0}); }

  void remove(const std::string& path) {
    std::erase_if(names, [&](const auto& item) { return item.first == path || item.first.starts_with(path + "/"); });
  }
  void apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      const auto old = names.find(change.path);
      if (change.kind == ChangeKind::Metadata) {
        old->second->mode = change.metadata.mode;
      } else if (change.kind == ChangeKind::Remove) {
        remove(change.path);
      } else if (change.type == FileType::Directory && old != names.end() && old->second->type == FileType::Directory) {
        old->second->mode = change.metadata.mode;
      } else if (!change.link_to.empty()) {
        const auto target = names.at(change.link_to);
        remove(change.path);
        names[change.path] = target;
      } else {
        remove(change.path);
        names[change.path] = std::make_shared<Inode>(Inode{change.type, change.metadata.mode, change.size});
      }
    }
  }
  [[nodiscard]] Lines shown() const {
    Lines lines;
    std::map<const Inode*, std::size_t> numbers;
    for (const auto& [path, inode] : names) {
      const std::size_t number = numbers.emplace(inode.get(), numbers.size() + 1).first->second;
      lines.push_back(path + " " + std::to_string(static_cast<int>(inode->type)) + " " + std::to_string(inode->mode) +
                      " " + std::to_string(inode->size) + " " + std::to_string(number) + "/" +
                      std::to_string(inode.use_count()));
    }
    return lines;
  }
};

Lines shown_like_model(const FileTree& tree) {
  Lines lines;
  for (const auto& entry : tree.entries()) {
    lines.push_back(entry.path + " " + std::to_string(static_cast<int>(entry.type)) + " " +
                    std::to_string(entry.metadata.mode) + " " + std::to_string(entry.size) + " " +
                    std::to_string(entry.inode) + "/" + std::to_string(entry.links));
  }
  return lines;
}

/// Changes that fit `model`, made by applying each to it at once.
std::vector<Change> random_changes(Model& model, std::mt19937& random) {
  std::map<std::string, Change, Model::Less> chosen;
  for (int tries = 0; tries < 30; ++tries) {
    std::string path;
    for (auto depth = 1 + random() % 3; depth > 0; --depth)
      path += (path.empty() ? "" : "/") + std::string(1, "abc-"[random() % 4]);
    // Only paths after all that were chosen, so that the order of choosing is the order of a changeset.
    if (!chosen.empty() && compare_paths(chosen.rbegin()->first, path) >= 0) continue;
    const auto old = model.names.find(path);
    const auto parent = model.names.find(std::string(parent_path(path)));
    const bool fits = parent != model.names.end() && parent->second->type == FileType::Directory;
    Change change;
    switch (random() % 5) {
      case 0: change = removed(path); break;
      case 1:
        if (old == model.names.end()) continue;
        change = metadata(path, random() % 512, old->second->type);
        break;
      case 2: {
        auto target = model.names.begin();
        std::advance(target, static_cast<long>(random() % model.names.size()));
        const bool put_now = chosen.contains(target->first) && chosen[target->first].kind == ChangeKind::Put;
        const bool untouched = !chosen.contains(target->first);
        if (!fits || target->second->type == FileType::Directory || target->first == path || (!put_now && !untouched))
          continue;
        change = hard_link(path, target->first);
        break;
      }
      case 3: change = directory(path, random() % 512); break;
      default: change = file(path, random() % 1000);
    }
    if (change.kind == ChangeKind::Put && !fits) continue;
    // A link names what its own layer puts at that path, wherever it puts it: so nothing may be put there any more.
    const bool is_target =
        std::any_of(chosen.begin(), chosen.end(), [&](const auto& item) { return item.second.link_to == path; });
    if (change.kind == ChangeKind::Put && is_target) continue;
    model.apply({change});
    chosen[path] = change;
  }
  std::vector<Change> changes;
  for (auto& [path, change] : chosen) changes.push_back(change);
  return changes;
}

}  // namespace

TEST_CASE("any sequence of changesets gives the tree that applying them one by one gives") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    Model model;
    std::vector<std::vector<Change>> layers;
    for (auto count = 1 + random() % 6; count > 0; --count) layers.push_back(random_changes(model, random));
    INFO("round " << round);
    REQUIRE(shown_like_model(FileTree(stack(layers))) == model.shown());
  }
}
