#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "layers/image.h"

namespace blueprint::layers {

inline constexpr std::string_view kManifestMediaType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexMediaType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kArtifactType = "application/vnd.blueprint.image.v1";
inline constexpr std::string_view kConfigMediaType = "application/vnd.blueprint.config.v1+json";
inline constexpr std::string_view kLayerMediaType = "application/vnd.blueprint.layer.v1";
inline constexpr std::string_view kKernelMediaType = "application/vnd.blueprint.kernel.v1";
/// On a descriptor of an index: the name by which its image is asked for.
inline constexpr const char* kRefNameKey = "org.opencontainers.image.ref.name";

/// A blob as a manifest points at it.
struct BlobRef {
  Digest digest;
  std::uint64_t size_bytes = 0;
};

/// What a manifest says, apart from what is in its config.
struct ManifestFacts {
  BlobRef config;
  std::vector<LayerRef> layers;  ///< without keys: those are in the config's history
  std::vector<LayerRef> cited_blobs;
  std::vector<BlobRef> kernel;  ///< none or one
};

/// The config blob. Deterministic: the same arguments give the same bytes.
[[nodiscard]] std::string encode_config(const ImageConfig& config, const std::vector<LayerRef>& layers);

/// The OCI manifest. Every blob that the image needs is a descriptor in layers[] (layers, then cited blobs, then the
/// kernel), so that a registry, or any OCI tool that copies or collects garbage, keeps them together.
[[nodiscard]] std::string encode_manifest(const ManifestFacts& facts, const ImageConfig& config);

/// Throws Error S014 when `text` is a manifest of another kind, S015 when it breaks the format.
[[nodiscard]] ManifestFacts decode_manifest(std::string_view text, const Digest& digest);

/// Fills in `layers[].key` from the config's history. Throws Error S015.
[[nodiscard]] ImageConfig decode_config(std::string_view text, const Digest& digest, std::vector<LayerRef>& layers);

}  // namespace blueprint::layers
