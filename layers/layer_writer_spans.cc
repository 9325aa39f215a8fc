#include "layers/layer_writer_spans.h"

#include <algorithm>
#include <utility>

#include "layers/changeset.h"
#include "layers/content_digest.h"

namespace blueprint::layers {
namespace {

constexpr std::uint32_t kSpanBlocks = kSpanBytes / kBlockSize;
/// What is held for spans that are not filled yet, and for those that wait to be hashed: about 1 MiB each.
constexpr std::size_t kMaxOpen = 16;
constexpr std::size_t kMaxWaiting = 8;

}  // namespace

void SpanStream::add(std::uint64_t device_block, std::uint32_t blocks,
                     const std::shared_ptr<const std::vector<std::byte>>& bytes, std::uint32_t first_block) {
  while (blocks > 0) {
    const std::uint64_t span = device_block / kSpanBlocks;
    const auto at = static_cast<std::uint32_t>(device_block % kSpanBlocks);
    const std::uint32_t part = std::min(blocks, kSpanBlocks - at);
    Open& open = open_[span];
    open.filled += part;
    open.parts.push_back({at, part, bytes, first_block});
    if (open.filled == kSpanBlocks) {
      hash(span, std::move(open.parts));
      open_.erase(span);
    } else if (open_.size() > kMaxOpen) {
      // The lowest: what comes next is higher, as a rule.
      open_.erase(open_.begin()->first == span ? std::next(open_.begin()) : open_.begin());
    }
    device_block += part;
    first_block += part;
    blocks -= part;
  }
}

void SpanStream::hash(std::uint64_t span, std::vector<Part> parts) {
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.at < b.at; });
  group_.wait_below(kMaxWaiting);
  group_.run([this, span, parts = std::move(parts)] {
    SpanHasher hasher;
    for (const Part& part : parts) {
      hasher.update(std::span(*part.bytes)
                        .subspan(part.first_block * std::size_t{kBlockSize}, part.blocks * std::size_t{kBlockSize}));
    }
    const Digest digest = hasher.finish();
    const std::lock_guard lock(mutex_);
    done_.emplace(span, digest);
  });
}

std::map<std::uint64_t, Digest> SpanStream::finish() {
  open_.clear();
  group_.wait();
  return std::move(done_);
}

}  // namespace blueprint::layers
