#pragma once

#include <filesystem>
#include <vector>

#include "layers/changeset.h"

namespace blueprint::tests {

/// A Put for all that is in `directory` and for the directory itself (as the root ""), with hard links, owners, xattrs
/// and times, in the order of a changeset. Files are read when a layer is written from them.
[[nodiscard]] std::vector<layers::PlannedChange> scan_tree(const std::filesystem::path& directory);

}  // namespace blueprint::tests
