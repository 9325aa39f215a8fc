#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layers/file_tree.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::layers {

/// How two images differ, for people who decide whether the second may replace the first. A value; equal images give
/// empty lists.
struct ImageDiff {
  struct Package {
    std::string name;
    std::string architecture;
    std::string before;  ///< version; empty = not installed
    std::string after;
    bool operator==(const Package&) const = default;
  };
  struct File {
    /// One side of a path that differs.
    struct Side {
      FileType type = FileType::Regular;
      Metadata metadata;
      std::uint64_t size = 0;
      std::string target;
      bool operator==(const Side&) const = default;
    };
    std::string path;
    std::optional<Side> before;  ///< nothing: the file is new
    std::optional<Side> after;   ///< nothing: the file is gone
    bool data_differs = false;   ///< of a file that both have: bytes, link target or device number
    std::string layer;           ///< name of the layer of the second image that has it now, or of the first that had it
    bool operator==(const File&) const = default;
  };
  /// setuid, setgid, or file capabilities that differ: also in `files`, but what a reviewer looks for first.
  struct Privilege {
    std::string path;
    std::string before;  ///< "setuid root", "capabilities 0x2000 (effective)"; empty = none
    std::string after;
    bool operator==(const Privilege&) const = default;
  };
  struct Layer {
    std::string name;
    std::optional<LayerRef> before;
    std::optional<LayerRef> after;
    bool operator==(const Layer&) const = default;
  };
  struct Setting {
    std::string name;  ///< "env.PATH", "user", "launch.cpu", "kernel"
    std::string before;
    std::string after;
    bool operator==(const Setting&) const = default;
  };
  std::vector<Package> packages;      ///< sorted by name
  std::vector<File> files;            ///< in path order
  std::vector<Privilege> privileges;  ///< in path order
  std::vector<Layer> layers;          ///< those that differ, in the order of the second image
  std::vector<Setting> settings;
  std::uint64_t file_bytes_before = 0;  ///< of regular files, each inode once
  std::uint64_t file_bytes_after = 0;
  std::uint64_t blob_bytes_before = 0;  ///< of layers and cited blobs
  std::uint64_t blob_bytes_after = 0;
};

[[nodiscard]] ImageDiff diff_images(const Store& store, const ImageRecord& before, const ImageRecord& after);

/// What one layer of an image did, for `blueprint history`.
struct LayerHistory {
  LayerRef layer;
  std::uint64_t put = 0;           ///< names that are new or have other data
  std::uint64_t metadata = 0;      ///< names of which only mode, owner, times or xattrs changed
  std::uint64_t removed = 0;       ///< names that were removed; a removed tree counts once
  std::uint64_t data_bytes = 0;    ///< of the files that were put
  std::uint64_t stored_bytes = 0;  ///< of the uncompressed frames in its own blob
  std::uint64_t cited_bytes = 0;   ///< of uncompressed frames in other blobs
};
[[nodiscard]] std::vector<LayerHistory> image_history(const Store& store, const ImageRecord& image);

}  // namespace blueprint::layers
