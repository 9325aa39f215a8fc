#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/fd.h"

namespace blueprint::agent {

/// The guest's end of the virtio-serial port, non-blocking. The port stays open for the life of the agent while hosts
/// come and go; a host that is away makes reads return nothing and the port "hung up", for which poll() would return at
/// once, for ever. So the port sits in an edge-triggered epoll set, and it is the set that is polled.
class Port {
 public:
  /// Waits until the port exists and opens it.
  Port();

  /// Becomes readable when something changed: bytes came, room for bytes, host came or went. Call settle() then.
  [[nodiscard]] int event_fd() const { return events_.get(); }
  void settle();

  enum class Read { Bytes, Nothing, HostAway };
  /// Reads what is there; `bytes` is then the part of `buffer` that was filled.
  Read read(std::span<std::byte> buffer, std::span<const std::byte>& bytes);
  /// Writes what fits; returns how much.
  std::size_t write(std::span<const std::byte> bytes);

 private:
  UniqueFd port_;
  UniqueFd events_;
};

}  // namespace blueprint::agent
