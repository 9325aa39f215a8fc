#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace blueprint::layers {

/// The data of frames that were read lately, at most `limit_bytes` of it, shared by all threads.
///
/// Frames are known by a number. Threads that want the same frame at once decode it once: the first loads, the others
/// wait for it. Locks are sharded by number, so that readers of neighbouring frames do not meet. What a reader holds
/// stays valid after its eviction (and is not counted then).
class FrameCache {
 public:
  struct Data {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
    [[nodiscard]] std::span<const std::byte> span() const { return {bytes.get(), size}; }
  };
  using Loader = std::function<void(std::span<std::byte> out)>;

  explicit FrameCache(std::uint64_t limit_bytes);

  /// The data of frame `number`, which has `size` bytes, from the cache or from `load`. What `load` throws goes to the
  /// thread that called it; threads that waited try for themselves.
  [[nodiscard]] std::shared_ptr<const Data> get(std::uint32_t number, std::size_t size, const Loader& load);

  /// Bytes held now.
  [[nodiscard]] std::uint64_t held_bytes() const;

 private:
  /// Number and data of the frames that are loaded; the one used last is first.
  using Recent = std::list<std::pair<std::uint32_t, std::shared_ptr<const Data>>>;
  struct Shard {
    mutable std::mutex mutex;
    std::condition_variable loaded;
    std::unordered_map<std::uint32_t, std::optional<Recent::iterator>> entries;  ///< nothing: being loaded
    Recent recent;
    std::uint64_t bytes = 0;
  };
  void evict(Shard& shard) const;

  std::vector<std::unique_ptr<Shard>> shards_;
  std::uint64_t shard_limit_;
};

}  // namespace blueprint::layers
