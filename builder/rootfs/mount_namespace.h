#pragma once

#include <functional>

#include "base/fd.h"

namespace blueprint::rootfs {

/// A mount namespace of our own, kept alive by a descriptor and nothing else: no process lives in it, nothing of it is
/// in the host's mount table, and when the descriptor goes, by close or by the death of this process, the kernel
/// unmounts all that was mounted there. Mounts of the host reach it, its own never reach the host.
class MountNamespace {
 public:
  /// Throws Error X005.
  MountNamespace();

  enum class Changes {
    Kept,     ///< what `job` mounts stays in the namespace
    Dropped,  ///< `job` works in a copy: what it mounts goes when it, and its children, are gone
  };
  /// Calls `job` on a thread of its own that is inside, and waits for it; exceptions pass through. Children that the
  /// job starts are inside too. The working directory of the job is its own.
  void inside(Changes changes, const std::function<void()>& job) const;

 private:
  UniqueFd handle_;
};

}  // namespace blueprint::rootfs
