#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "layers/oci_config.h"
#include "layers/oci_manifest.h"
#include "layers/oci_source.h"

namespace blueprint::layers {

/// One layer of a container image, as its manifest names it.
struct OciLayer {
  std::string file;              ///< in the source
  std::optional<Digest> digest;  ///< of the file's bytes; an archive of 'docker save' does not say it
  Digest diff_id;                ///< of the tar in it
};

/// A container image: manifest and config read and verified, layers only named.
struct OciImage {
  std::shared_ptr<const OciSource> source;
  Digest digest;  ///< of the manifest; of the config for an archive of 'docker save', which has no manifest
  std::vector<OciLayer> layers;  ///< the bottom first
  OciConfig config;
  std::string config_text;  ///< the bytes of the config
};

/// The image of a manifest and its config, whose layers are the files "blobs/sha256/HEX" of `source`. `name` is what
/// messages call it. Throws Error O004, O007.
[[nodiscard]] OciImage make_oci_image(std::shared_ptr<const OciSource> source, std::string_view name,
                                      const Digest& digest, const OciManifest& manifest, std::string config);

/// Opens the image `name` of the layout or archive at `path`: a tag ("v1", "docker.io/library/debian:12"), a digest
/// ("sha256:…"), or empty when there is only one. Of an image for several platforms, the one for linux/amd64. Throws
/// Error O001 to O007.
[[nodiscard]] OciImage open_oci_image(const std::filesystem::path& path, std::string_view name);

}  // namespace blueprint::layers
