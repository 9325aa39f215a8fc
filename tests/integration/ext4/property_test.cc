// Random trees and random changes, applied to a directory by the kernel and layer by layer by us; after each layer the
// image is checked by e2fsck, mounted (when we are root) and compared with the directory entry by entry.
//
// BLUEPRINT_SEED chooses the first seed and BLUEPRINT_SEQUENCES how many sequences run; a failure names the seed that
// shows it.

#include <catch2/catch.hpp>

#include <cstdlib>
#include <optional>

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "layers/content_digest.h"
#include "layers/layer_writer.h"
#include "layers/store.h"
#include "tests/integration/ext4/random_tree.h"
#include "tests/integration/ext4/tree_diff.h"
#include "tests/support/raw_device.h"

using namespace blueprint;
using namespace blueprint::layers;
using namespace blueprint::tests;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Where to work: in memory, where that has room and keeps user.* attributes. On a disk most of the time goes into the
/// host's file system.
std::filesystem::path work_place() {
  const std::filesystem::path memory = "/dev/shm";
  struct statvfs room {};
  if (::statvfs(memory.c_str(), &room) != 0 || room.f_bavail * room.f_frsize < 2ULL << 30 ||
      ::access(memory.c_str(), W_OK) != 0) {
    return std::filesystem::temp_directory_path();
  }
  const TempDir probe(memory);
  const bool keeps = ::setxattr(probe.path().c_str(), "user.probe", "1", 1, 0) == 0;
  return keeps ? memory : std::filesystem::temp_directory_path();
}

/// A read-only loop mount; not there when the machine cannot make one.
class Mount {
 public:
  Mount(const std::filesystem::path& image, std::filesystem::path at) : at_(std::move(at)) {
    if (::geteuid() != 0) return;
    std::filesystem::create_directories(at_);
    mounted_ = run({.argv = {"mount", "-o", "ro,noload,loop", image.string(), at_.string()}}).status.success();
  }
  ~Mount() {
    if (mounted_) static_cast<void>(run({.argv = {"umount", at_.string()}}));
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  explicit operator bool() const { return mounted_; }

 private:
  std::filesystem::path at_;
  bool mounted_ = false;
};

class Sequence {
 public:
  Sequence(std::uint64_t seed, ThreadPool& pool)
      : seed_(seed),
        pool_(pool),
        tree_(work_.path() / "tree"),
        store_(work_.path() / "store"),
        random_(make(tree_), seed) {
    // Some sequences clamp nearly every time, some none.
    epoch_ = seed % 5 == 0 ? 1000000000 : 1LL << 40;
  }

  void run_layers(int count) {
    std::optional<Snapshot> before;
    for (int layer = 0; layer < count; ++layer) {
      CAPTURE(seed_, layer);
      random_.change(layer == 0 ? 60 : 25);
      const Snapshot now(tree_, epoch_);
      auto changes = before ? now.changes_from(*before) : now.everything();
      layers_.push_back(write(store_, layers_, changes, pool_, {}).layer);
      check(layers_, now);
      before = now;
    }
    same_whatever_the_threads(*before);
    same_with_cited_data(*before);
  }

 private:
  static std::filesystem::path make(const std::filesystem::path& path) {
    std::filesystem::create_directories(path);
    return path;
  }

  WriteResult write(Store& store, const std::vector<LayerRef>& parent, std::vector<PlannedChange> changes,
                    ThreadPool& pool, std::vector<Digest> cite) {
    NoEvents events;
    WriteOptions options;
    options.name = "random";
    options.epoch = epoch_;
    options.device_bytes = 8ULL << 30;
    options.cite = std::move(cite);
    return write_layer(store, parent, std::move(changes), options, pool, events, {});
  }

  void check(const std::vector<LayerRef>& image, const Snapshot& expected) {
    const auto device = open_device(store_, image);
    CHECK(compute_content_digest(*device, pool_).to_string() == image.back().content_digest.to_string());
    const auto raw = work_.path() / "image.raw";
    write_raw(*device, raw);
    const Finished fsck = run({.argv = {"e2fsck", "-fn", raw.string()}});
    INFO(fsck.out);
    REQUIRE(fsck.status.success());
    const Mount mount(raw, work_.path() / "mount");
    if (!mount) {
      WARN("not compared with the kernel's view: cannot mount a loop device here");
      return;
    }
    const auto differences = expected.differences(Snapshot(work_.path() / "mount", 1LL << 41));
    CHECK(differences == std::vector<std::string>());
    std::filesystem::remove(raw);
  }

  void same_whatever_the_threads(const Snapshot& now) {
    CAPTURE(seed_);
    Store other(work_.path() / "other");
    ThreadPool one(1);
    ThreadPool three(3);
    const auto by_one = write(other, {}, now.everything(), one, {});
    const auto by_three = write(store_, {}, now.everything(), three, {});
    CHECK(by_one.layer.digest == by_three.layer.digest);
    alone_ = by_three.layer;
  }

  // The same tree written again: from the frames of the layers before, and from files that name what is stored.
  void same_with_cited_data(const Snapshot& now) {
    CAPTURE(seed_);
    std::vector<Digest> cite;
    for (const LayerRef& layer : layers_) cite.push_back(layer.digest);
    const WriteResult cited = write(store_, {}, now.everything(), pool_, cite);
    CHECK(cited.layer.content_digest == alone_.content_digest);
    // Repacking copies whole frames, of which a file may need a part.
    CHECK(cited.layer.size_bytes <= alone_.size_bytes * 3 / 2 + 4096);
    check({cited.layer}, now);

    auto stored = now.everything();
    const FileTree tree = load_tree(store_, layers_);
    for (PlannedChange& planned : stored) {
      if (!std::holds_alternative<HostFile>(planned.source)) continue;
      const FileTree::Entry* entry = tree.find(planned.change.path);
      REQUIRE(entry != nullptr);
      planned.source = StoredFile{layers_[entry->data_layer].digest, entry->data_path};
    }
    CHECK(write(store_, {}, std::move(stored), pool_, {}).layer.content_digest == alone_.content_digest);
  }

  std::uint64_t seed_;
  ThreadPool& pool_;
  TempDir work_{work_place()};
  std::filesystem::path tree_;
  Store store_;
  RandomTree random_;
  std::int64_t epoch_ = 0;
  std::vector<LayerRef> layers_;
  LayerRef alone_;
};

}  // namespace

TEST_CASE("random trees changed layer by layer read back as the kernel's directory does") {
  const std::uint64_t first = from_environment("BLUEPRINT_SEED", 1);
  const std::uint64_t count = from_environment("BLUEPRINT_SEQUENCES", 30);
  ThreadPool pool;
  for (std::uint64_t seed = first; seed < first + count; ++seed) Sequence(seed, pool).run_layers(3);
}
