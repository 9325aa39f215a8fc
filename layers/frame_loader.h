#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/digest.h"
#include "layers/blob_reader.h"
#include "layers/frame_codec.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// Reads frames: the one way from compressed bytes in a blob to data that may be shown to anybody. Thread-safe.
class FrameLoader {
 public:
  /// `blobs` must outlive this.
  explicit FrameLoader(const BlobReader& blobs) : blobs_(blobs) {}

  /// Reads, decompresses and verifies the frame that lies in `blob` (frame.blob is not looked at). `out` has frame.size
  /// bytes. Throws Error L003 naming blob and offset when it does not decompress to the bytes that frame.digest names;
  /// then what is in `out` must not be used.
  void load(const Digest& blob, const Frame& frame, std::span<std::byte> out) const;

 private:
  struct Tools {
    FrameDecompressor zstd;
    std::vector<std::byte> compressed;
  };
  /// More loads at once wait: a client with many connections makes many threads, and each load holds up to 1 MiB.
  static constexpr std::size_t kMostAtOnce = 16;
  class Turn;

  const BlobReader& blobs_;
  mutable std::mutex mutex_;
  mutable std::condition_variable turn_;
  mutable std::size_t at_once_ = 0;
  mutable std::vector<std::unique_ptr<Tools>> idle_;  ///< as many as loads that ever ran at once
};

}  // namespace blueprint::layers
