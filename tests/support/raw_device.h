#pragma once

#include <filesystem>

#include "layers/block_source.h"

namespace blueprint::tests {

/// Writes a device as a sparse file.
void write_raw(const layers::BlockSource& device, const std::filesystem::path& file);

}  // namespace blueprint::tests
