#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/digest.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// A frame and the blob that holds it.
struct CitableFrame {
  Digest blob;
  Frame frame;  ///< frame.blob means nothing here
};

/// What earlier layers hold and a new one need not store again: frames and files, each by their digest. Immutable once
/// filled; then thread-safe.
class Citable {
 public:
  /// Adds what layer `layer` stores or cites. Of equal frames the first that was added counts.
  void add(const Digest& layer, std::shared_ptr<const LayerIndex> index);

  [[nodiscard]] const CitableFrame* find_frame(const Digest& digest) const;

  /// A regular file that is not empty: the pieces of its data, with the frames they are in.
  struct File {
    const LayerIndex* index = nullptr;  ///< lives as long as this Citable
    const Change* change = nullptr;
    Digest layer;
  };
  [[nodiscard]] std::optional<File> find_file(const Digest& data_digest, std::uint64_t size) const;

 private:
  struct FileKey {
    std::uint32_t layer = 0;
    std::uint32_t change = 0;
  };
  std::vector<std::pair<Digest, std::shared_ptr<const LayerIndex>>> layers_;
  std::unordered_map<Digest, CitableFrame, DigestHash> frames_;
  std::unordered_map<Digest, FileKey, DigestHash> files_;
};

/// The frame `number` of `index` (the index of layer `layer`) and the blob that holds it.
[[nodiscard]] CitableFrame citable_frame(const LayerIndex& index, const Digest& layer, std::uint32_t number);

/// The regular file that `index` puts at `path`, hard links followed within the layer; null when it puts none.
[[nodiscard]] const Change* find_put(const LayerIndex& index, std::string_view path);

}  // namespace blueprint::layers
