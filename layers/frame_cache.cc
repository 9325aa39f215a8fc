#include "layers/frame_cache.h"

#include <algorithm>

#include "layers/changeset.h"

namespace blueprint::layers {
namespace {

// A shard that holds fewer frames than this evicts by accident of numbering rather than by age.
constexpr std::uint64_t kLeastFramesPerShard = 16;
constexpr std::uint64_t kMostShards = 16;

}  // namespace

FrameCache::FrameCache(std::uint64_t limit_bytes) {
  const auto shards = std::clamp<std::uint64_t>(limit_bytes / (kLeastFramesPerShard * kMaxFrameSize), 1, kMostShards);
  for (std::uint64_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>());
  shard_limit_ = limit_bytes / shards;
}

std::shared_ptr<const FrameCache::Data> FrameCache::get(std::uint32_t number, std::size_t size, const Loader& load) {
  Shard& shard = *shards_[number % shards_.size()];
  {
    std::unique_lock lock(shard.mutex);
    while (true) {
      const auto [at, absent] = shard.entries.try_emplace(number);
      if (absent) break;  // the entry says to others that this thread is loading
      if (const auto held = at->second) {
        shard.recent.splice(shard.recent.begin(), shard.recent, *held);
        return (*held)->second;
      }
      shard.loaded.wait(lock);
    }
  }

  auto data = std::make_shared<Data>();
  try {
    data->bytes = std::make_unique_for_overwrite<std::byte[]>(size);
    data->size = size;
    load({data->bytes.get(), size});
  } catch (...) {
    const std::lock_guard lock(shard.mutex);
    shard.entries.erase(number);
    shard.loaded.notify_all();
    throw;
  }

  const std::lock_guard lock(shard.mutex);
  shard.recent.emplace_front(number, data);
  shard.entries[number] = shard.recent.begin();
  shard.bytes += size;
  evict(shard);
  shard.loaded.notify_all();
  return data;
}

void FrameCache::evict(Shard& shard) const {
  while (shard.bytes > shard_limit_) {
    const auto& [number, data] = shard.recent.back();
    shard.bytes -= data->size;
    shard.entries.erase(number);
    shard.recent.pop_back();
  }
}

std::uint64_t FrameCache::held_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    bytes += shard->bytes;
  }
  return bytes;
}

}  // namespace blueprint::layers
