#pragma once

// The words of this folder's errors; each code has a row in docs/errors.md.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"

namespace blueprint::layers {

/// A path of an image as messages write it: "/usr/bin/env".
[[nodiscard]] std::string shown_path(std::string_view path);

/// L001: `what` does not end as a layer blob does, or is one of a newer format.
[[nodiscard]] Error not_a_layer(std::string_view what, std::string_view reason);
/// L002: the index of `what` breaks the rule that `rule` states.
[[nodiscard]] Error bad_index(std::string_view what, std::string_view rule);
/// L003: the bytes of a frame are not what the index says they are.
[[nodiscard]] Error damaged_frame(const Digest& blob, std::uint64_t offset, std::string_view reason);
/// L004: the layers of an image do not fit each other.
[[nodiscard]] Error layers_do_not_fit(std::string_view path, std::string_view reason);
/// L005: `path` in an image is no regular file.
[[nodiscard]] Error not_a_regular_file(std::string_view path);
/// L006: nbdkit does not serve; `why` is what it said.
[[nodiscard]] Error export_not_started(std::string_view why);
/// L007: the nbdkit plugin is not installed.
[[nodiscard]] Error export_plugin_missing(const std::filesystem::path& path);
/// L010: two changes of one path.
[[nodiscard]] Error changed_twice(std::string_view path);
/// L012: hard links that lead in a circle.
[[nodiscard]] Error link_circle(std::string_view path);

}  // namespace blueprint::layers
