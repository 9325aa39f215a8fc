#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/layer_index.h"

namespace blueprint::layers {

/// A read-only device of blocks. Implementations are thread-safe.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  [[nodiscard]] virtual std::uint64_t device_bytes() const = 0;
  /// Fills `out` from `offset` (any alignment; inside the device). Throws Error when a frame is damaged: bytes that do
  /// not match their digest are never returned.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// Maximal runs of [offset, offset + length) that hold data or are holes (read as zeros), in order, covering it all.
  struct Run {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool hole = false;
  };
  [[nodiscard]] virtual std::vector<Run> runs(std::uint64_t offset, std::uint64_t length) const = 0;
};

}  // namespace blueprint::layers
