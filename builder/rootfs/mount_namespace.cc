#include "builder/rootfs/mount_namespace.h"

#include <cerrno>
#include <exception>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "builder/rootfs/errors.h"

namespace blueprint::rootfs {
namespace {

/// Runs `job` on a new thread and waits.
///
/// Mount namespace, root and working directory belong to a thread, not to the process, once the thread has stopped
/// sharing them (CLONE_FS). A pool thread must not be changed this way, because the next job would run in another
/// namespace; a thread that ends with the job takes its changes along.
void on_own_thread(const std::function<void()>& job) {
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

void leave_the_hosts_mounts(int flags) {
  if (::unshare(flags) != 0) throw namespace_refused("make a mount namespace", errno);
  // Slave, not private: a file system that the host's administrator unmounts meanwhile must not stay busy because of
  // us.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    throw namespace_refused("separate mounts from the host's", errno);
  }
}

}  // namespace

MountNamespace::MountNamespace() {
  on_own_thread([this] {
    leave_the_hosts_mounts(CLONE_FS | CLONE_NEWNS);
    handle_.reset(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!handle_) throw namespace_refused("open a mount namespace", errno);
  });
}

void MountNamespace::inside(Changes changes, const std::function<void()>& job) const {
  on_own_thread([&] {
    if (::unshare(CLONE_FS) != 0 || ::setns(handle_.get(), CLONE_NEWNS) != 0) {
      throw namespace_refused("enter a mount namespace", errno);
    }
    if (changes == Changes::Dropped) leave_the_hosts_mounts(CLONE_NEWNS);
    job();
  });
}

}  // namespace blueprint::rootfs
