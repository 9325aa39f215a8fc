#include "layers/layer_writer_digest.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "layers/blob_reader.h"
#include "layers/content_digest.h"
#include "layers/device.h"
#include "layers/layer_writer_pipeline.h"

namespace blueprint::layers {
namespace {

constexpr std::size_t kWindow = 16;
constexpr std::uint64_t kCacheBytes = 16ULL << 20;

/// The blobs of the store, and the one that is being written under the digest of zeros.
class BlobsAndDraft final : public BlobReader {
 public:
  BlobsAndDraft(const Store& store, const BlobWriter& draft)
      : files_(store.root() / "blobs" / "sha256"), draft_(draft) {}
  [[nodiscard]] std::uint64_t size_bytes(const Digest& blob) const override {
    return blob == Digest() ? draft_.size_bytes() : files_.size_bytes(blob);
  }
  void read(const Digest& blob, std::uint64_t offset, std::span<std::byte> out) const override {
    if (blob != Digest()) return files_.read(blob, offset, out);
    pread_all(draft_.fd(), out, offset, draft_.path().string());
  }

 private:
  BlobFiles files_;
  const BlobWriter& draft_;
};

std::vector<std::uint64_t> touched_spans(const std::vector<Extent>& extents) {
  std::vector<std::uint64_t> spans;
  for (const Extent& extent : extents) {
    const std::uint64_t last = ((extent.first_block + extent.blocks) * kBlockSize - 1) / kSpanBytes;
    for (std::uint64_t span = extent.first_block * kBlockSize / kSpanBytes; span <= last; ++span) {
      if (spans.empty() || spans.back() < span) spans.push_back(span);
    }
  }
  return spans;
}

}  // namespace

void update_content_digest(LayerIndex& index, const std::vector<LayerRef>& parents,
                           const std::map<std::uint64_t, Digest>& streamed, const Store& store, BlobWriter& draft,
                           ThreadPool& pool, std::stop_token stop) {
  SpanTree tree;
  std::vector<std::shared_ptr<const LayerIndex>> held;
  std::vector<BlockMap::Layer> layers;
  for (const LayerRef& parent : parents) {
    held.push_back(store.layer_index(parent.digest));
    tree.add(held.back()->spans);
    layers.push_back({parent.digest, held.back().get()});
  }
  layers.push_back({Digest(), &index});
  draft.flush();
  const ImageDevice device(std::make_unique<BlobsAndDraft>(store, draft), BlockMap(layers), kCacheBytes);

  std::map<std::uint64_t, Digest> digests = streamed;
  std::vector<std::uint64_t> to_read;
  for (const std::uint64_t span : touched_spans(index.extents)) {
    if (!streamed.contains(span)) to_read.push_back(span);
  }
  std::size_t next = 0;
  run_in_order<Digest>(
      pool, std::move(stop), to_read.size(), kWindow,
      [&](std::size_t number) {
        const std::uint64_t begin = to_read[number] * kSpanBytes;
        std::vector<std::byte> bytes(std::min(kSpanBytes, index.device_bytes - begin));
        device.read(begin, bytes);
        return span_digest(bytes);
      },
      [&](Digest digest) { digests[to_read[next++]] = digest; });

  index.spans.clear();
  for (const auto& [span, digest] : digests) {
    if (tree.get(span) == digest) continue;
    tree.set(span, digest);
    index.spans.push_back({span, digest});
  }
  index.content_digest = tree.root(index.device_bytes);
}

}  // namespace blueprint::layers
