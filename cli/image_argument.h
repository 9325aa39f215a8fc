#pragma once

#include <string>

#include "cli/command.h"
#include "cli/context.h"
#include "layers/image.h"

namespace blueprint::cli {

/// The positional word that names an image.
[[nodiscard]] Option image_option(std::string& target);

/// The image that a tag, digest or prefix of one names.
[[nodiscard]] layers::ImageRecord load_image(Context& context, const std::string& reference);

/// Bytes of all blobs of an image: its layers, what they cite, and its kernel.
[[nodiscard]] std::uint64_t image_size_bytes(const layers::Store& store, const layers::ImageRecord& image);

}  // namespace blueprint::cli
