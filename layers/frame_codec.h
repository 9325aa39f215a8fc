#pragma once

// zstd, one frame at a time. The only place that includes zstd.h.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace blueprint::layers {

/// Compresses one buffer into one zstd frame that states its content size and has no checksum (digests are kept
/// elsewhere). Same bytes, level and library version give the same frame. Keeps its context between calls; not
/// thread-safe.
class FrameCompressor {
 public:
  /// One of zstd's own levels.
  explicit FrameCompressor(int level);
  /// What the data of layers is compressed with.
  [[nodiscard]] static FrameCompressor for_data();
  ~FrameCompressor();
  FrameCompressor(FrameCompressor&&) noexcept;
  FrameCompressor& operator=(FrameCompressor&&) noexcept;

  /// The frame; valid until the next call.
  [[nodiscard]] std::span<const std::byte> compress(std::span<const std::byte> bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Decompresses frames; keeps its context between calls; not thread-safe.
class FrameDecompressor {
 public:
  FrameDecompressor();
  ~FrameDecompressor();
  FrameDecompressor(FrameDecompressor&&) noexcept;
  FrameDecompressor& operator=(FrameDecompressor&&) noexcept;

  /// Whether `frame` is one zstd frame (and nothing behind it) of exactly out.size() bytes; then they are in `out`. No
  /// other memory is allocated, whatever the frame says. Does not verify any digest.
  [[nodiscard]] bool decompress(std::span<const std::byte> frame, std::span<std::byte> out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The content size in the header of the zstd frame that fills `frame`; nothing when it is not such a frame or does not
/// say.
[[nodiscard]] std::optional<std::uint64_t> frame_content_size(std::span<const std::byte> frame);

}  // namespace blueprint::layers
