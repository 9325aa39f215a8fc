#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/digest.h"
#include "base/thread_pool.h"

namespace blueprint::layers {

/// Hashes the spans of the content digest while the data that fills them passes by, so that it need not be read a
/// second time.
///
/// Files lie on the device in the order in which they are streamed, so most spans are filled one after the other. A
/// span that is not filled by file data alone, or not soon, is left to somebody who can read the whole device.
class SpanStream {
 public:
  explicit SpanStream(ThreadPool& pool) : group_(pool) {}

  /// `blocks` blocks of the device from `device_block` on are those of `bytes` from `first_block` on. No block comes
  /// twice.
  void add(std::uint64_t device_block, std::uint32_t blocks, const std::shared_ptr<const std::vector<std::byte>>& bytes,
           std::uint32_t first_block);
  /// Waits for the hashing under way; the digests of the spans that were filled.
  [[nodiscard]] std::map<std::uint64_t, Digest> finish();

 private:
  struct Part {
    std::uint32_t at = 0;  ///< block in the span
    std::uint32_t blocks = 0;
    std::shared_ptr<const std::vector<std::byte>> bytes;
    std::uint32_t first_block = 0;
  };
  struct Open {
    std::uint32_t filled = 0;
    std::vector<Part> parts;
  };
  void hash(std::uint64_t span, std::vector<Part> parts);

  std::map<std::uint64_t, Open> open_;
  std::mutex mutex_;
  std::map<std::uint64_t, Digest> done_;
  TaskGroup group_;  // last: its jobs use the rest
};

}  // namespace blueprint::layers
