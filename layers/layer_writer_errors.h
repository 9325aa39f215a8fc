#pragma once

// The words of the layer writer's errors; each code has a row in docs/errors.md. Those of ext4 are in ext4/errors.h.

#include <string_view>

#include "base/digest.h"
#include "base/error.h"

namespace blueprint::layers {

/// L030: a source file is not what it was when the changes were planned.
[[nodiscard]] Error source_changed(std::string_view path, std::string_view source);
/// L031: a change refers to a file of a layer that has no such file.
[[nodiscard]] Error no_such_stored_file(std::string_view path, const Digest& layer, std::string_view stored_path);
/// L032: a change of a kind that makes no sense: a path that is not clean, data without a source.
[[nodiscard]] Error malformed_change(std::string_view path, std::string_view reason);

}  // namespace blueprint::layers
