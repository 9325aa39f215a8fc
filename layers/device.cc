#include "layers/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "layers/errors.h"
#include "layers/store.h"

namespace blueprint::layers {

ImageDevice::ImageDevice(std::unique_ptr<const BlobReader> blobs, BlockMap map, std::uint64_t cache_bytes)
    : blobs_(std::move(blobs)), map_(std::move(map)), loader_(*blobs_), cache_(cache_bytes) {}

std::shared_ptr<const FrameCache::Data> ImageDevice::frame(std::uint32_t number) const {
  const Frame& frame = map_.frames()[number];
  return cache_.get(number, frame.size,
                    [&](std::span<std::byte> out) { loader_.load(map_.blobs()[frame.blob], frame, out); });
}

void ImageDevice::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > device_bytes() || out.size() > device_bytes() - offset)
    throw bug("a read goes past the end of the device");
  if (out.empty()) return;
  const auto& pieces = map_.pieces();
  for (auto number = map_.find(static_cast<std::uint32_t>(offset / kBlockSize)); !out.empty(); ++number) {
    const std::uint64_t piece_begin =
        number < pieces.size() ? std::uint64_t{pieces[number].first} * kBlockSize : device_bytes();
    if (offset < piece_begin) {
      const auto hole = std::min<std::uint64_t>(piece_begin - offset, out.size());
      std::memset(out.data(), 0, hole);
      offset += hole;
      out = out.subspan(hole);
      if (out.empty()) return;
    }
    const BlockMap::Piece& piece = pieces[number];
    const std::uint64_t skip = offset - piece_begin;
    const auto part = std::min<std::uint64_t>(std::uint64_t{piece.count} * kBlockSize - skip, out.size());
    const auto data = frame(piece.frame);
    std::memcpy(out.data(), data->span().data() + std::uint64_t{piece.frame_block} * kBlockSize + skip, part);
    offset += part;
    out = out.subspan(part);
  }
}

std::vector<BlockSource::Run> ImageDevice::runs(std::uint64_t offset, std::uint64_t length) const {
  if (offset > device_bytes() || length > device_bytes() - offset) throw bug("runs past the end of the device");
  std::vector<Run> runs;
  const std::uint64_t end = offset + length;
  const auto add = [&](std::uint64_t until, bool hole) {
    if (until <= offset) return;
    if (!runs.empty() && runs.back().hole == hole) {
      runs.back().length += until - offset;
    } else {
      runs.push_back({offset, until - offset, hole});
    }
    offset = until;
  };
  if (length == 0) return runs;
  const auto& pieces = map_.pieces();
  for (auto number = map_.find(static_cast<std::uint32_t>(offset / kBlockSize)); number < pieces.size() && offset < end;
       ++number) {
    const std::uint64_t first = std::uint64_t{pieces[number].first} * kBlockSize;
    add(std::min(first, end), true);
    add(std::min(first + std::uint64_t{pieces[number].count} * kBlockSize, end), false);
  }
  add(end, true);
  return runs;
}

LayerIndex load_index(const BlobReader& blobs, const Digest& layer, IndexParts parts) {
  const std::string what = fmt::format("layer blob {}", layer.to_string());
  const std::uint64_t size_bytes = blobs.size_bytes(layer);
  if (size_bytes < kFooterSize) throw not_a_layer(what, "it is shorter than a footer");
  std::vector<std::byte> bytes(kFooterSize);
  blobs.read(layer, size_bytes - kFooterSize, bytes);
  const Footer footer = decode_footer(bytes, size_bytes, what);
  bytes.resize(footer.index_size);  // no more than the blob has
  blobs.read(layer, footer.index_offset, bytes);
  return decode_index(bytes, footer, what, parts);
}

std::unique_ptr<ImageDevice> open_device(std::unique_ptr<const BlobReader> blobs, std::span<const LayerRef> layers,
                                         std::uint64_t cache_bytes) {
  std::vector<LayerIndex> indices;
  indices.reserve(layers.size());
  for (const LayerRef& layer : layers) indices.push_back(load_index(*blobs, layer.digest, IndexParts::AllButChanges));
  std::vector<BlockMap::Layer> stack;
  for (std::size_t i = 0; i < layers.size(); ++i) stack.push_back({layers[i].digest, &indices[i]});
  return std::make_unique<ImageDevice>(std::move(blobs), BlockMap(stack), cache_bytes);
}

std::unique_ptr<BlockSource> open_device(const Store& store, const std::vector<LayerRef>& layers,
                                         std::uint64_t cache_bytes) {
  return open_device(std::make_unique<BlobFiles>(store.blob_path(Digest{}).parent_path()), layers, cache_bytes);
}

}  // namespace blueprint::layers
