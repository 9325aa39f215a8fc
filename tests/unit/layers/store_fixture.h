#pragma once

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "layers/layer_index.h"
#include "layers/store.h"

namespace blueprint::layers {

/// A layer blob without data: an index for a device of 128 MiB, citing `blobs`. `name` makes its digest.
inline LayerRef add_layer(Store& store, const std::string& name, std::vector<Digest> blobs = {}) {
  LayerIndex index;
  index.device_bytes = 128ULL << 20;
  index.content_digest = sha256(name);
  index.blobs = std::move(blobs);
  const std::string blob = encode_index(index, 0);
  return {.digest = store.add_blob(blob),
          .size_bytes = blob.size(),
          .name = name,
          .content_digest = index.content_digest,
          .key = sha256("key of " + name)};
}

/// The first diagnostic of the Error that `function` throws.
template <typename Function>
Diagnostic failure_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.first();
  }
  FAIL("it did not throw");
  return {};
}

inline void age(const std::filesystem::path& path, std::int64_t seconds) {
  const timespec old{.tv_sec = ::time(nullptr) - seconds, .tv_nsec = 0};
  const timespec times[2] = {old, old};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace blueprint::layers
