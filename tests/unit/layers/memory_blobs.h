#pragma once

#include <atomic>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "layers/blob_reader.h"
#include "layers/errors.h"
#include "layers/frame_codec.h"
#include "layers/layer_index.h"
#include "layers/store_errors.h"

namespace blueprint::layers::testing {

/// Blobs in memory that count their reads.
class MemoryBlobs final : public BlobReader {
 public:
  std::map<Digest, std::string> blobs;
  mutable std::atomic<int> reads{0};

  [[nodiscard]] std::uint64_t size_bytes(const Digest& blob) const override { return find(blob).size(); }
  void read(const Digest& blob, std::uint64_t offset, std::span<std::byte> out) const override {
    ++reads;
    const std::string& bytes = find(blob);
    if (offset > bytes.size() || out.size() > bytes.size() - offset)
      throw damaged_frame(blob, bytes.size(), "the blob ends there");
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  }

 private:
  const std::string& find(const Digest& blob) const {
    const auto found = blobs.find(blob);
    if (found == blobs.end()) throw missing_blob(blob);
    return found->second;
  }
};

/// A layer blob under construction: frames, then the index.
struct BlobBuilder {
  LayerIndex index;
  std::string frames;
  FrameCompressor zstd{3};

  /// Appends a frame of whole blocks and returns its number.
  std::uint32_t add_frame(std::string_view data) {
    const auto bytes = std::as_bytes(std::span(data.data(), data.size()));
    const auto compressed = zstd.compress(bytes);
    index.frames.push_back({0, frames.size(), static_cast<std::uint32_t>(compressed.size()),
                            static_cast<std::uint32_t>(data.size()), sha256(bytes)});
    frames.append(reinterpret_cast<const char*>(compressed.data()), compressed.size());
    return static_cast<std::uint32_t>(index.frames.size() - 1);
  }
  [[nodiscard]] std::string blob() const { return frames + encode_index(index, frames.size()); }
};

}  // namespace blueprint::layers::testing
