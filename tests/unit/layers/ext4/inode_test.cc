#include "layers/ext4/inode.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace blueprint::layers;
using namespace blueprint::layers::ext4;

namespace {
DiskInode with_time(std::int64_t seconds, std::uint32_t nanoseconds) {
  DiskInode inode;
  Metadata metadata;
  metadata.mtime = {seconds, nanoseconds};
  set_metadata(inode, metadata);
  return inode;
}
}  // namespace

TEST_CASE("a time after 2038 has its high bits in the extra field, beside the nanoseconds") {
  const DiskInode inode = with_time((1LL << 32) + 5, 123456789);
  CHECK(inode.mtime == 5);
  CHECK(inode.mtime_extra == ((123456789U << 2) | 1));
  CHECK(inode.crtime == inode.mtime);
}

TEST_CASE("a time before 1970 is negative and has no high bits") {
  const DiskInode inode = with_time(-1, 0);
  CHECK(inode.mtime == 0xffffffff);
  CHECK(inode.mtime_extra == 0);
}

TEST_CASE("2^31 seconds are the first that need a high bit") {
  CHECK(with_time((1LL << 31) - 1, 0).mtime_extra == 0);
  CHECK(with_time(1LL << 31, 0).mtime_extra == 1);
}

TEST_CASE("a time that ext4 cannot hold becomes the last that e2fsck believes") {
  CHECK(with_time(1LL << 50, 0).mtime == 0x7fffffff);
  CHECK(with_time(1LL << 50, 0).mtime_extra == 2);
}

TEST_CASE("clamping drops the nanoseconds of a later time and keeps an earlier one") {
  CHECK(clamped({100, 5}, 100) == Timestamp{100, 0});
  CHECK(clamped({99, 5}, 100) == Timestamp{99, 5});
}

TEST_CASE("owners above 65535 use the high halves") {
  DiskInode inode;
  Metadata metadata;
  metadata.uid = 0x12345678;
  metadata.gid = 70000;
  set_metadata(inode, metadata);
  CHECK(inode.uid_low == 0x5678);
  CHECK(inode.uid_high == 0x1234);
  CHECK(inode.gid_low == 70000 - 65536);
  CHECK(inode.gid_high == 1);
}

TEST_CASE("a small device number has the old encoding, a large one the new") {
  const auto words = [](std::uint32_t major, std::uint32_t minor) {
    DiskInode inode;
    set_device(inode, major, minor);
    std::array<std::uint32_t, 2> result{};
    std::memcpy(result.data(), inode.block.data(), sizeof(result));
    return result;
  };
  CHECK(words(5, 1) == std::array<std::uint32_t, 2>{0x0501, 0});
  CHECK(words(8, 0x12345) == std::array<std::uint32_t, 2>{0, 0x12300845});
}

TEST_CASE("a file of 4 TiB counts its blocks in 48 bits") {
  DiskInode inode;
  set_block_count(inode, 1ULL << 30);
  CHECK(inode.blocks_low == 0);
  CHECK(inode.blocks_high == 2);
  CHECK(block_count_of(inode) == 1ULL << 30);
}
