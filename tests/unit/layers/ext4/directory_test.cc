#include "layers/ext4/directory.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "base/error.h"

using namespace blueprint;
using namespace blueprint::layers::ext4;

namespace {

struct Fixture {
  BlockOverlay overlay{nullptr, 1ULL << 30};
  Filesystem fs = Filesystem::make(overlay, 1);
  InodeNumber number = fs.allocate_inode(kRootInode, Filesystem::InodeUse::Directory, "d");

  void make(int count) {
    Directory directory = Directory::make(fs, number, kRootInode, "d");
    for (int i = 0; i < count; ++i) directory.insert({name(i), static_cast<InodeNumber>(1000 + i), 1});
    directory.commit();
  }
  [[nodiscard]] Directory open() { return Directory::open(fs, number, "d"); }
  static std::string name(int i) { return "name-" + std::to_string(1000000 + i); }
};

/// The contents of every block that is written.
std::size_t blocks_that_differ(const std::vector<Block>& before, const BlockOverlay& overlay,
                               const std::vector<BlockNumber>& numbers) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    count += i >= before.size() || before[i] != overlay.read(numbers[i]) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a directory keeps its entries whatever their number") {
  const int count = GENERATE(0, 1, 100, 1000, 20000, 100000);
  Fixture f;
  f.make(count);
  Directory directory = f.open();
  CHECK(((directory.inode().flags & kIndexFlag) != 0) == (count > 200));
  for (int i = 0; i < count; i += 1 + count / 500) {
    const auto entry = directory.find(Fixture::name(i));
    REQUIRE(entry);
    REQUIRE(entry->inode == static_cast<InodeNumber>(1000 + i));
  }
  CHECK_FALSE(directory.find("absent"));
  std::vector<DirectoryEntry> entries = directory.entries();
  REQUIRE(entries.size() == static_cast<std::size_t>(count));
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (int i = 0; i < count; ++i) REQUIRE(entries[static_cast<std::size_t>(i)].name == Fixture::name(i));
}

TEST_CASE("names that come one by one split leaves, then the root, and are all found") {
  Fixture f;
  f.make(300);
  Directory directory = f.open();
  const std::string padding(200, 'p');  // 18 names to a leaf: 12,000 names need more than the root's 507 leaves
  for (int i = 0; i < 12000; ++i) directory.insert({Fixture::name(i) + padding, static_cast<InodeNumber>(5000 + i), 1});
  directory.commit();
  Directory again = f.open();
  for (int i = 0; i < 12000; ++i) REQUIRE(again.find(Fixture::name(i) + padding));
  for (int i = 0; i < 300; ++i) REQUIRE(again.find(Fixture::name(i)));
  CHECK(again.entries().size() == 12300);
}

TEST_CASE("one more name in a directory of 100,000 changes one or two of its blocks") {
  Fixture f;
  f.make(100000);
  std::vector<BlockNumber> numbers;
  std::vector<Block> before;
  for (const FileRun& run : read_extents(f.fs, f.number, f.open().inode()).runs) {
    for (std::uint64_t i = 0; i < run.blocks; ++i) numbers.push_back(run.physical + i);
  }
  for (const BlockNumber block : numbers) before.push_back(f.overlay.read(block));
  Directory directory = f.open();
  directory.insert({"one more", 5, 1});
  directory.commit();
  CHECK(blocks_that_differ(before, f.overlay, numbers) <= 2);
}

TEST_CASE("removed and replaced names read back so, in a list and in an htree") {
  const int count = GENERATE(50, 5000);
  Fixture f;
  f.make(count);
  Directory directory = f.open();
  for (int i = 0; i < count; i += 2) directory.remove(Fixture::name(i));
  directory.replace({Fixture::name(1), 77, 2});
  directory.commit();
  Directory again = f.open();
  CHECK_FALSE(again.find(Fixture::name(0)));
  CHECK(again.find(Fixture::name(1)) == DirectoryEntry{Fixture::name(1), 77, 2});
  CHECK(again.entries().size() == static_cast<std::size_t>(count / 2));
}

TEST_CASE("beyond 65000 links a directory counts 1, and counts again when some go") {
  Fixture f;
  Directory directory = Directory::make(f.fs, f.number, kRootInode, "d");
  for (int i = 0; i < 64998; ++i) directory.add_subdirectory();
  CHECK(directory.inode().links == 65000);
  directory.add_subdirectory();
  CHECK(directory.inode().links == 1);
  directory.insert({"a", 50, 2});
  directory.insert({"b", 51, 2});
  directory.drop_subdirectory();
  directory.commit();
  CHECK(f.open().inode().links == 4);
}

TEST_CASE("a directory with a wrong checksum is an error") {
  Fixture f;
  f.make(10);
  const BlockNumber block = read_extents(f.fs, f.number, f.open().inode()).runs.front().physical;
  f.overlay.modify(block)[100] ^= std::byte{1};
  CHECK_THROWS_AS(static_cast<void>(f.open().find("x")), Error);
}
