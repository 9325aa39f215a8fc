#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace blueprint::layers {

/// The config of a container image (image-spec, config.md), as far as it means something here.
struct OciConfig {
  std::vector<Digest> diff_ids;  ///< of the tars in the layers, the bottom first
  std::int64_t created = 0;      ///< seconds since 1970; 0 when it is not said
  std::map<std::string, std::string> env;
  std::string user;
  std::string workdir;
  std::map<std::string, std::string> labels;
  std::vector<std::uint16_t> tcp_ports;
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> command;
  std::vector<std::string> on_build;  ///< Docker's ONBUILD: instructions for a Dockerfile that is FROM the image
};

/// `image` is what messages call the image. Throws Error O004 when it is not for linux/amd64, O007. Pure.
[[nodiscard]] OciConfig parse_oci_config(std::string_view text, std::string_view image);

}  // namespace blueprint::layers
