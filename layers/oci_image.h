#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
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
  std::int64_t created = 0;      ///< seconds since 1970; 0 when it is not said
  std::map<std::string, std::string> env;
  std::string user;
  std::string workdir;
  std::map<std::string, std::string> labels;
  std::vector<std::uint16_t> tcp_ports;
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> command;
};

/// Opens the image `name` of the layout or archive at `path`: a tag ("v1", "docker.io/library/debian:12"), a digest
/// ("sha256:…"), or empty when there is only one. Of an image for several platforms, the one for linux/amd64. Throws
/// Error O001 to O007.
[[nodiscard]] OciImage open_oci_image(const std::filesystem::path& path, std::string_view name);

}  // namespace blueprint::layers
