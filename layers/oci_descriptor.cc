#include "layers/oci_descriptor.h"

namespace blueprint::layers {

Json oci_descriptor(std::string_view media_type, const Digest& digest, std::uint64_t size_bytes) {
  return {{"mediaType", media_type}, {"digest", digest.to_string()}, {"size", size_bytes}};
}

}  // namespace blueprint::layers
