#pragma once

#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace blueprint::sandbox {

/// Lets one thread end another's poll(). Any number of raise() before a clear() count as one.
class Wakeup {
 public:
  Wakeup() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw os_error("make an event descriptor");
  }
  void raise() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto wrote = ::write(fd_.get(), &one, sizeof(one));
  }
  void clear() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(fd_.get(), &count, sizeof(count));
  }
  /// Readable while raised.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace blueprint::sandbox
