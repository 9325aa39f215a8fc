#pragma once

#include <exception>
#include <string>

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

namespace blueprint::layers::ext4 {

class BlockOverlay;

/// Lets libext2fs read and write a BlockOverlay. Included by this folder's .cc files that speak to libext2fs, and by no
/// other.
///
/// libext2fs hands an io_manager nothing but a name, so the name carries the address of this object: no state is
/// global, and any number of file systems can be open in any number of threads. An exception of the overlay becomes an
/// I/O error for libext2fs and is kept here for check().
class IoChannel {
 public:
  explicit IoChannel(BlockOverlay& overlay);
  IoChannel(const IoChannel&) = delete;
  IoChannel& operator=(const IoChannel&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] static io_manager manager();

  /// Rethrows what the overlay threw, else throws Error L020 saying what `action` failed with, when `error` is not 0.
  void check(long error, const char* action);

 private:
  friend struct IoCallbacks;
  BlockOverlay& overlay_;
  std::string name_;
  std::exception_ptr failure_;
};

}  // namespace blueprint::layers::ext4
