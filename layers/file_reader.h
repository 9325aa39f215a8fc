#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "layers/blob_reader.h"
#include "layers/file_tree.h"
#include "layers/frame_loader.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::layers {

/// Reads files of an image by their frames, without looking at ext4. Keeps open blobs and the last frame, so that
/// reading files in the order of the tree decodes each frame about once. Not thread-safe: make one per thread.
class FileReader {
 public:
  /// `store` must outlive this.
  FileReader(const Store& store, std::vector<LayerRef> layers);

  /// Gives the bytes of a regular file to `sink` in order, in parts of at most 1 MiB; holes are zeros. Every byte is
  /// verified before. Throws Error L003 (a damaged frame), L005 (no regular file), L004 (`entry` is of another image).
  using Sink = std::function<void(std::span<const std::byte> bytes)>;
  void read(const FileTree::Entry& entry, const Sink& sink);

  /// The runs of a file: where it has data and where holes, in order, covering its size.
  struct Run {
    std::uint64_t length = 0;
    bool hole = false;
  };
  [[nodiscard]] std::vector<Run> runs(const FileTree::Entry& entry) const;

 private:
  struct Placed {
    std::shared_ptr<const LayerIndex> index;
    const Change* change = nullptr;
  };
  [[nodiscard]] Placed find_put(const FileTree::Entry& entry) const;
  [[nodiscard]] std::span<const std::byte> frame(const FileTree::Entry& entry, const LayerIndex& index,
                                                 std::uint32_t number);

  const Store& store_;
  std::vector<LayerRef> layers_;
  BlobFiles blobs_;
  FrameLoader loader_{blobs_};
  std::optional<std::pair<std::uint32_t, std::uint32_t>> loaded_;  ///< layer and frame that data_ holds
  std::vector<std::byte> data_;
};

}  // namespace blueprint::layers
