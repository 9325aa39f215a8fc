#pragma once

#include <string>
#include <vector>

#include "layers/file_tree.h"
#include "layers/layer_index.h"

namespace blueprint::layers {

/// What a layer did, in terms of complete files: every name whose file is not as it was, with all other names of that
/// file, because whoever writes a layer out (as a directory, as a tar) can only link names to each other that are both
/// there.
struct LayerFiles {
  std::vector<const FileTree::Entry*> present;  ///< of the tree after the layer, in path order
  std::vector<std::string> removed;             ///< names that are gone though their directory is not; in path order
};

/// `before` and `after` are the trees below and with the layer; entries of `after` are pointed at. Throws Error L004
/// when the layer does not fit them.
[[nodiscard]] LayerFiles layer_files(const LayerIndex& index, const FileTree& before, const FileTree& after);

/// The tree of the first `count` layers.
[[nodiscard]] FileTree tree_of(const std::vector<std::shared_ptr<const LayerIndex>>& layers, std::size_t count);

}  // namespace blueprint::layers
