#pragma once

#include <memory>

#include "layers/export_device.h"

namespace blueprint::layers {

/// Compresses a stream with gzip: same bytes, same result (no name and no time in the header). Not thread-safe.
class GzipStream {
 public:
  /// `sink` gets the compressed bytes.
  explicit GzipStream(ByteSink sink);
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Must be the last call.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blueprint::layers
