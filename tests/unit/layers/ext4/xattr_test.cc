#include "layers/ext4/xattr.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "layers/ext4/inode.h"

using namespace blueprint;
using namespace blueprint::layers;
using namespace blueprint::layers::ext4;

namespace {
std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.first().code;
  }
  return "no error";
}
struct Fixture {
  BlockOverlay overlay{nullptr, 1ULL << 30};
  Filesystem fs = Filesystem::make(overlay, 1);
  DiskInode inode;
};
}  // namespace

TEST_CASE("an ACL is stored with version 1 and without the ids of entries that name nobody") {
  const std::string getxattr_form(
      "\x02\0\0\0"
      "\x01\0\x07\0\xff\xff\xff\xff"
      "\x02\0\x05\0\xd2\x04\0\0"
      "\x20\0\x04\0\xff\xff\xff\xff",
      28);
  const std::string disk_form(
      "\x01\0\0\0"
      "\x01\0\x07\0"
      "\x02\0\x05\0\xd2\x04\0\0"
      "\x20\0\x04\0",
      20);
  CHECK(acl_to_disk(getxattr_form, "f") == disk_form);
  CHECK(code_of([] { static_cast<void>(acl_to_disk("\x02", "f")); }) == "L023");
}

TEST_CASE("a small attribute lies in the inode and a large one in a block") {
  Fixture f;
  const std::vector<Xattr> small = {{"user.a", "b"}};
  set_xattrs(f.fs, 12, f.inode, small, "f");
  CHECK(xattr_block_of(f.inode) == 0);
  CHECK(f.inode.xattrs != DiskInode().xattrs);

  const std::uint64_t free_before = f.fs.free_block_count();
  const std::vector<Xattr> large = {{"user.a", std::string(500, 'x')}};
  set_xattrs(f.fs, 12, f.inode, large, "f");
  CHECK(xattr_block_of(f.inode) != 0);
  CHECK(f.inode.xattrs == DiskInode().xattrs);
  CHECK(f.fs.free_block_count() == free_before - 1);

  set_xattrs(f.fs, 12, f.inode, {}, "f");
  CHECK(xattr_block_of(f.inode) == 0);
  CHECK(f.fs.free_block_count() == free_before);
  CHECK(block_count_of(f.inode) == 0);
}

TEST_CASE("a block of attributes that others share is not freed") {
  Fixture f;
  const std::vector<Xattr> large = {{"trusted.a", std::string(500, 'x')}};
  set_xattrs(f.fs, 12, f.inode, large, "f");
  const BlockNumber block = xattr_block_of(f.inode);
  auto& header = reinterpret_cast<XattrBlockHeader&>(f.overlay.modify(block));
  header.references = 2;
  const std::uint64_t free_before = f.fs.free_block_count();
  drop_xattrs(f.fs, f.inode);
  CHECK(f.fs.free_block_count() == free_before);
  CHECK(reinterpret_cast<const XattrBlockHeader&>(f.overlay.read(block)).references == 1);
}

TEST_CASE("attributes that ext4 has no place for are refused by name") {
  Fixture f;
  const std::vector<Xattr> unknown = {{"btrfs.compression", "zstd"}};
  CHECK(code_of([&] { set_xattrs(f.fs, 12, f.inode, unknown, "f"); }) == "L023");
  const std::vector<Xattr> huge = {{"user.a", std::string(5000, 'x')}};
  CHECK(code_of([&] { set_xattrs(f.fs, 12, f.inode, huge, "f"); }) == "L023");
}
