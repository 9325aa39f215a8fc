#pragma once

// What filesystem.cc and make.cc share; includes libext2fs, so nobody else includes it.

#include <cstdint>
#include <memory>
#include <unordered_map>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "layers/ext4/filesystem.h"
#include "layers/ext4/io_channel.h"

namespace blueprint::layers::ext4 {

struct Filesystem::State {
  explicit State(BlockOverlay& overlay) : channel(overlay) {}
  ~State() {
    // ext2fs_free never writes: what was not committed is gone.
    if (fs != nullptr) ext2fs_free(fs);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void check(errcode_t error, const char* action) { channel.check(error, action); }

  IoChannel channel;
  ext2_filsys fs = nullptr;
  enum class Backups { Keep, Write } backups = Backups::Keep;
  BlockNumber data_cursor = 0;                                ///< allocate_data() goes on here
  BlockNumber block_cursor = 0;                               ///< no free block is before it
  std::unordered_map<std::uint32_t, InodeNumber> inode_from;  ///< group → no free inode of it is before this one
};

}  // namespace blueprint::layers::ext4
