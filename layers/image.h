#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "layers/file_tree.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// One layer as a manifest names it.
struct LayerRef {
  Digest digest;  ///< of the blob
  std::uint64_t size_bytes = 0;
  std::string name;       ///< of the recipe's layer, for people
  Digest content_digest;  ///< of the device after this layer
  Digest key;             ///< of the key record that produced it; zero when not known
  bool operator==(const LayerRef&) const = default;
};

struct InstalledPackage {
  std::string name;
  std::string version;
  std::string architecture;
  bool operator==(const InstalledPackage&) const = default;
};

/// The config of an image: `application/vnd.blueprint.config.v1+json`. Everything that is not in the file system.
struct ImageConfig {
  std::string architecture = "amd64";
  std::string name;  ///< of the recipe
  std::string description;
  Digest content_digest;  ///< of the whole device
  std::uint64_t device_bytes = 0;
  std::map<std::string, std::string> env;
  std::string user;
  std::string workdir;
  std::uint32_t launch_cpu = 0;  ///< 0 = not said
  std::uint64_t launch_memory_bytes = 0;
  std::uint64_t launch_disk_bytes = 0;
  std::vector<std::uint16_t> launch_ports;
  std::vector<std::string> launch_commands;
  std::uint32_t launch_gpu = 0;            ///< GPUs of the host that are handed over
  std::optional<Digest> kernel;            ///< blob of the kernel (a bzImage), copied out of the image
  std::string kernel_version;              ///< uname -r; its modules are in usr/lib/modules/VERSION
  std::vector<InstalledPackage> packages;  ///< sorted by name
  std::map<std::string, std::string> labels;
  std::int64_t epoch = 0;  ///< SOURCE_DATE_EPOCH of the image
  bool operator==(const ImageConfig&) const = default;
};

/// An image as stored: OCI manifest and config. `digest` is the digest of the manifest: the pinned blueprint id.
struct ImageRecord {
  Digest digest;
  ImageConfig config;
  std::vector<LayerRef> layers;       ///< parent first
  std::vector<LayerRef> cited_blobs;  ///< blobs whose frames are cited and that are no layers of this image
};

}  // namespace blueprint::layers
