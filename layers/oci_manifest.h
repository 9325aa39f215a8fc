#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.h"

namespace blueprint::layers {

/// What a manifest or an index says of a document or layer (image-spec, descriptor.md).
struct OciDescriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size_bytes = 0;
};

/// Of the manifests that an index lists, the one for linux/amd64.
struct OciIndex {
  OciDescriptor manifest;
};

struct OciManifest {
  OciDescriptor config;
  std::vector<OciDescriptor> layers;  ///< the bottom first
};

/// Reads an index or manifest of OCI or of Docker's schema 2. `image` is what messages call the image that it belongs
/// to, `what` the document. Throws Error O003 (several for one platform), O004, O007 (also for an artifact that is no
/// container image). Pure.
[[nodiscard]] std::variant<OciIndex, OciManifest> parse_oci_manifest(std::string_view text, std::string_view image,
                                                                     std::string_view what);

}  // namespace blueprint::layers
