#include "layers/ext4/extent_tree.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;
using namespace blueprint::layers::ext4;

namespace {

std::vector<FileRun> scattered(std::uint64_t count) {
  std::vector<FileRun> runs;
  for (std::uint64_t i = 0; i < count; ++i) runs.push_back({i * 3, 100000 - i * 2, 1});
  return runs;
}

struct Fixture {
  BlockOverlay overlay{nullptr, 1ULL << 30};
  Filesystem fs = Filesystem::make(overlay, 1);
  DiskInode inode = [] {
    DiskInode made;
    made.mode = kRegular;
    made.size_low = 1;
    return made;
  }();
};

}  // namespace

TEST_CASE("four extents lie in the inode and five need a block") {
  Fixture f;
  CHECK(write_extents(f.fs, 12, f.inode, scattered(4), "f") == 0);
  CHECK(read_extents(f.fs, 12, f.inode).runs == scattered(4));
  CHECK(write_extents(f.fs, 12, f.inode, scattered(5), "f") == 1);
  CHECK(read_extents(f.fs, 12, f.inode).runs == scattered(5));
}

TEST_CASE("a tree of several levels reads back as it was written") {
  Fixture f;
  const std::uint64_t count = GENERATE(340ULL, 341ULL, 1360ULL, 1361ULL, 20000ULL);
  const std::uint64_t nodes = write_extents(f.fs, 12, f.inode, scattered(count), "f");
  const ExtentTree tree = read_extents(f.fs, 12, f.inode);
  CHECK(tree.runs == scattered(count));
  CHECK(tree.nodes.size() == nodes);
}

TEST_CASE("a run of more than 32768 blocks becomes several extents") {
  Fixture f;
  const FileRun run{0, 50000, 70000};
  CHECK(write_extents(f.fs, 12, f.inode, std::span(&run, 1), "f") == 0);
  CHECK(read_extents(f.fs, 12, f.inode).runs ==
        std::vector<FileRun>{{0, 50000, 32768}, {32768, 82768, 32768}, {65536, 115536, 4464}});
}

TEST_CASE("a node with a wrong checksum is an error and not a wrong file") {
  Fixture f;
  write_extents(f.fs, 12, f.inode, scattered(100), "f");
  const BlockNumber node = read_extents(f.fs, 12, f.inode).nodes.front();
  f.overlay.modify(node)[20] ^= std::byte{1};
  try {
    static_cast<void>(read_extents(f.fs, 12, f.inode));
    FAIL("it was read");
  } catch (const Error& error) {
    CHECK(error.first().code == "L020");
  }
}
