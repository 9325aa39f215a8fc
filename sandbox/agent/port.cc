#include "sandbox/agent/port.h"

#include <cerrno>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "sandbox/agent/sys.h"
#include "sandbox/protocol.h"

namespace blueprint::agent {
namespace {

/// "/dev/vport1p1", or empty when the port is not there (yet).
std::string find_port() {
  constexpr const char* kClass = "/sys/class/virtio-ports";
  std::string found;
  DIR* directory = ::opendir(kClass);
  if (directory == nullptr) return found;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    auto name = read_text((std::string(kClass) + "/" + entry->d_name + "/name").c_str()).value_or("");
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (name == sandbox::protocol::kPortName) found = std::string("/dev/") + entry->d_name;
  }
  ::closedir(directory);
  return found;
}

}  // namespace

Port::Port() {
  KernelEvents kernel_events;
  while (true) {
    if (const auto path = find_port(); !path.empty()) {
      port_.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
      if (port_) break;
      complain("open " + path, errno);
    }
    kernel_events.wait();
  }
  events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, port_.get(), &event);
}

void Port::settle() {
  epoll_event event{};
  ::epoll_wait(events_.get(), &event, 1, 0);
}

Port::Read Port::read(std::span<std::byte> buffer, std::span<const std::byte>& bytes) {
  while (true) {
    const ssize_t got = ::read(port_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Read::Nothing;
    if (got == 0) return Read::HostAway;
    bytes = buffer.first(static_cast<std::size_t>(got));
    return Read::Bytes;
  }
}

std::size_t Port::write(std::span<const std::byte> bytes) {
  std::size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t wrote = ::write(port_.get(), bytes.data() + total, bytes.size() - total);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    total += static_cast<std::size_t>(wrote);
  }
  return total;
}

}  // namespace blueprint::agent
