#pragma once

#include "layers/export.h"
#include "layers/export_device.h"

namespace blueprint::layers {

/// An OCI archive of `image` as a container image, with the manifest.json that `docker load` of older versions wants.
void stream_oci(Store& store, const ImageRecord& image, const std::string& reference_name, const ByteSink& sink,
                ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::layers
