#include "layers/ext4/inode.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/error.h"
#include "layers/ext4/filesystem.h"

namespace blueprint::layers::ext4 {
namespace {

struct DiskTime {
  std::uint32_t seconds = 0;
  std::uint32_t extra = 0;
};

/// 34 bits of seconds and 30 of nanoseconds. The low 32 bits of the seconds are signed, and the two high bits, in
/// `extra`, say how many times 2^32 to add: so 0 stands for 1901 to 2038, as before there were high bits. 3 would reach
/// to 2446, but old kernels wrote it for times before 1970, and e2fsck takes it for that: the last time is in 2310.
DiskTime encode_time(Timestamp time) {
  constexpr std::int64_t kFirst = -(1LL << 31);
  constexpr std::int64_t kLast = kFirst + (3LL << 32) - 1;
  const std::int64_t seconds = std::clamp(time.seconds, kFirst, kLast);
  const auto low = static_cast<std::int32_t>(seconds);
  const auto epoch_bits = static_cast<std::uint32_t>((seconds - low) >> 32) & 3;
  return {static_cast<std::uint32_t>(low), epoch_bits | time.nanoseconds << 2};
}

}  // namespace

std::uint16_t mode_type(FileType type) {
  switch (type) {
    case FileType::Regular: return kRegular;
    case FileType::Directory: return kDirectory;
    case FileType::Symlink: return kSymlink;
    case FileType::CharDevice: return kCharDevice;
    case FileType::BlockDevice: return kBlockDevice;
    case FileType::Fifo: return kFifo;
    case FileType::Socket: return kSocket;
  }
  throw bug("a file type that does not exist");
}

std::uint8_t dirent_type(FileType type) {
  switch (type) {
    case FileType::Regular: return 1;
    case FileType::Directory: return 2;
    case FileType::CharDevice: return 3;
    case FileType::BlockDevice: return 4;
    case FileType::Fifo: return 5;
    case FileType::Socket: return 6;
    case FileType::Symlink: return 7;
  }
  throw bug("a file type that does not exist");
}

void set_size(DiskInode& inode, std::uint64_t size_bytes) {
  inode.size_low = static_cast<std::uint32_t>(size_bytes);
  inode.size_high = static_cast<std::uint32_t>(size_bytes >> 32);
}

std::uint64_t block_count_of(const DiskInode& inode) {
  const std::uint64_t count = inode.blocks_low | std::uint64_t{inode.blocks_high} << 32;
  return (inode.flags & kHugeFileFlag) != 0 ? count : count / kSectorsPerBlock;
}

void set_block_count(DiskInode& inode, std::uint64_t blocks) {
  // 48 bits of sectors are 128 PiB, more than a file can be: the huge file flag is never needed.
  const std::uint64_t sectors = blocks * kSectorsPerBlock;
  inode.flags &= ~kHugeFileFlag;
  inode.blocks_low = static_cast<std::uint32_t>(sectors);
  inode.blocks_high = static_cast<std::uint16_t>(sectors >> 32);
}

BlockNumber xattr_block_of(const DiskInode& inode) {
  return inode.xattr_block_low | BlockNumber{inode.xattr_block_high} << 32;
}

void set_xattr_block(DiskInode& inode, BlockNumber block) {
  inode.xattr_block_low = static_cast<std::uint32_t>(block);
  inode.xattr_block_high = static_cast<std::uint16_t>(block >> 32);
}

Timestamp clamped(Timestamp time, std::int64_t epoch) { return std::min(time, Timestamp{epoch, 0}); }

void set_metadata(DiskInode& inode, const Metadata& metadata) {
  inode.mode = static_cast<std::uint16_t>((inode.mode & kTypeMask) | (metadata.mode & 07777));
  inode.uid_low = static_cast<std::uint16_t>(metadata.uid);
  inode.uid_high = static_cast<std::uint16_t>(metadata.uid >> 16);
  inode.gid_low = static_cast<std::uint16_t>(metadata.gid);
  inode.gid_high = static_cast<std::uint16_t>(metadata.gid >> 16);
  const DiskTime time = encode_time(metadata.mtime);
  inode.atime = inode.ctime = inode.mtime = inode.crtime = time.seconds;
  inode.atime_extra = inode.ctime_extra = inode.mtime_extra = inode.crtime_extra = time.extra;
}

std::uint32_t generation_of(std::string_view path) {
  return crc32c(0xffffffff, std::as_bytes(std::span(path.data(), path.size())));
}

void set_device(DiskInode& inode, std::uint32_t major, std::uint32_t minor) {
  // Word 0 holds the old encoding (8 + 8 bits), word 1 the new one (12 + 20 bits); the kernel reads word 1 when word 0
  // is 0.
  std::array<std::uint32_t, 2> words{};
  if (major < 256 && minor < 256) {
    words[0] = major << 8 | minor;
  } else {
    words[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
  }
  std::memcpy(inode.block.data(), words.data(), sizeof(words));
}

}  // namespace blueprint::layers::ext4
