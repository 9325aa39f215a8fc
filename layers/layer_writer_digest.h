#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/thread_pool.h"
#include "layers/blob_writer.h"
#include "layers/image.h"
#include "layers/layer_index.h"
#include "layers/store.h"

namespace blueprint::layers {

/// Sets index.content_digest and index.spans for a layer over `parents`, whose frames are all in `draft` or in the
/// store.
///
/// Only spans that an extent of the layer touches are hashed; the others are the parents'. Those in `streamed` are
/// taken from there; the rest are read as a reader of the image will read them, frames verified, which checks the new
/// blob on the way.
void update_content_digest(LayerIndex& index, const std::vector<LayerRef>& parents,
                           const std::map<std::uint64_t, Digest>& streamed, const Store& store, BlobWriter& draft,
                           ThreadPool& pool, std::stop_token stop);

}  // namespace blueprint::layers
