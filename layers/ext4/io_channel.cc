// The io_manager over a BlockOverlay. libext2fs speaks in blocks of the channel's block size, which is 1 KiB until it
// has read the superblock and 4 KiB afterwards, and in bytes when the count is negative; here all become byte ranges of
// 4 KiB blocks.

#include "layers/ext4/io_channel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <et/com_err.h>
#include <fmt/format.h>

#include "layers/ext4/block_overlay.h"
#include "layers/ext4/errors.h"

namespace blueprint::layers::ext4 {

struct IoCallbacks {
  static IoChannel& of(io_channel channel) { return *static_cast<IoChannel*>(channel->private_data); }

  /// Runs `body`; an exception is kept for check().
  template <typename Body>
  static errcode_t guarded(IoChannel& self, errcode_t failure, Body&& body) noexcept {
    try {
      body();
      return 0;
    } catch (...) {
      self.failure_ = std::current_exception();
      return failure;
    }
  }

  /// Calls body(block, offset in block, size, bytes done before) for each block of the range.
  template <typename Body>
  static void for_each_block(io_channel channel, std::uint64_t block, int count, Body&& body) {
    std::uint64_t at = block * static_cast<std::uint64_t>(channel->block_size);
    std::uint64_t left = count < 0
                             ? static_cast<std::uint64_t>(-static_cast<std::int64_t>(count))
                             : static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(channel->block_size);
    std::size_t done = 0;
    while (left > 0) {
      const std::size_t offset = at % kBlockSize;
      const std::size_t part = std::min<std::uint64_t>(left, kBlockSize - offset);
      body(at / kBlockSize, offset, part, done);
      at += part;
      done += part;
      left -= part;
    }
  }

  static errcode_t open(const char* name, int, io_channel* out) noexcept {
    void* self = nullptr;
    if (std::sscanf(name, "overlay:%p", &self) != 1) return EXT2_ET_BAD_DEVICE_NAME;
    io_channel channel = nullptr;
    if (ext2fs_get_memzero(sizeof(*channel), &channel) != 0) return EXT2_ET_NO_MEMORY;
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = IoChannel::manager();
    channel->name = ::strdup(name);
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->flags = CHANNEL_FLAGS_DISCARD_ZEROES;
    channel->private_data = self;
    *out = channel;
    return 0;
  }

  static errcode_t close(io_channel channel) noexcept {
    if (--channel->refcount > 0) return 0;
    std::free(channel->name);
    ext2fs_free_mem(&channel);
    return 0;
  }

  static errcode_t set_blksize(io_channel channel, int size) noexcept {
    channel->block_size = size;
    return 0;
  }

  static errcode_t read(io_channel channel, unsigned long long block, int count, void* data) noexcept {
    IoChannel& self = of(channel);
    return guarded(self, EXT2_ET_SHORT_READ, [&] {
      for_each_block(channel, block, count,
                     [&](BlockNumber at, std::size_t offset, std::size_t size, std::size_t done) {
                       std::memcpy(static_cast<std::byte*>(data) + done, self.overlay_.read(at).data() + offset, size);
                     });
    });
  }

  static errcode_t write(io_channel channel, unsigned long long block, int count, const void* data) noexcept {
    IoChannel& self = of(channel);
    return guarded(self, EXT2_ET_SHORT_WRITE, [&] {
      for_each_block(
          channel, block, count, [&](BlockNumber at, std::size_t offset, std::size_t size, std::size_t done) {
            std::memcpy(self.overlay_.modify(at).data() + offset, static_cast<const std::byte*>(data) + done, size);
          });
    });
  }

  static errcode_t discard(io_channel channel, unsigned long long block, unsigned long long count) noexcept {
    IoChannel& self = of(channel);
    return guarded(self, EXT2_ET_SHORT_WRITE, [&] { self.overlay_.discard(block, count); });
  }

  static errcode_t read_narrow(io_channel channel, unsigned long block, int count, void* data) noexcept {
    return read(channel, block, count, data);
  }
  static errcode_t write_narrow(io_channel channel, unsigned long block, int count, const void* data) noexcept {
    return write(channel, block, count, data);
  }
  static errcode_t flush(io_channel) noexcept { return 0; }
};

IoChannel::IoChannel(BlockOverlay& overlay)
    : overlay_(overlay), name_(fmt::format("overlay:{}", static_cast<const void*>(this))) {}

io_manager IoChannel::manager() {
  static struct_io_manager manager = [] {
    struct_io_manager made{};
    made.magic = EXT2_ET_MAGIC_IO_MANAGER;
    made.name = "overlay of blocks";
    made.open = IoCallbacks::open;
    made.close = IoCallbacks::close;
    made.set_blksize = IoCallbacks::set_blksize;
    made.read_blk = IoCallbacks::read_narrow;
    made.write_blk = IoCallbacks::write_narrow;
    made.read_blk64 = IoCallbacks::read;
    made.write_blk64 = IoCallbacks::write;
    made.flush = IoCallbacks::flush;
    made.discard = IoCallbacks::discard;
    made.zeroout = IoCallbacks::discard;
    return made;
  }();
  return &manager;
}

void IoChannel::check(long error, const char* action) {
  if (error == 0) return;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  throw bad_filesystem(fmt::format("{} failed: {}", action, ::error_message(error)));
}

}  // namespace blueprint::layers::ext4
