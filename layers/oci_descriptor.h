#pragma once

#include <cstdint>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"

namespace blueprint::layers {

/// A blob as OCI documents point at it (image-spec, descriptor.md). Members may be added.
[[nodiscard]] Json oci_descriptor(std::string_view media_type, const Digest& digest, std::uint64_t size_bytes);

}  // namespace blueprint::layers
