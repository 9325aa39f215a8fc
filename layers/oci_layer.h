#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "layers/changeset.h"
#include "layers/oci_image.h"

namespace blueprint::layers {

/// One member of a layer of a container image.
struct OciMember {
  enum class Kind {
    File,      ///< of any type
    HardLink,  ///< another name of `target`
    Whiteout,  ///< `path` of the layers below is gone
    Opaque,    ///< what the layers below have in the directory `path` is gone
  };
  Kind kind = Kind::File;
  std::string path;  ///< clean; "" is the root directory
  FileType type = FileType::Regular;
  Metadata metadata;
  std::string target;  ///< of a symbolic link as written; of a hard link clean
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;
  std::string data_file;  ///< regular files with data: where its bytes are
};

/// Reads a layer (a tar; plain, gzip or zstd) to its end and verifies both of its digests. The data of files goes to
/// files in the empty directory `data`, under names of ours, so that no name of the layer is ever used on the host.
/// Extended attributes that mean something only to the system that made the image (overlayfs', labels of security
/// modules) are left out. Throws Error O005, O006, O008, O009 (a name that leads out, a device that overlayfs would
/// take for its own mark); os_error; Interrupted.
[[nodiscard]] std::vector<OciMember> read_oci_layer(const OciSource& source, const OciLayer& layer,
                                                    const std::filesystem::path& data, const std::stop_token& stop);

}  // namespace blueprint::layers
