#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/context.h"
#include "layers/image.h"
#include "layers/store_lease.h"

namespace blueprint::cli {

/// The positional word that names an image.
[[nodiscard]] Option image_option(std::string& target);

/// The image that a tag, digest or prefix of one names.
[[nodiscard]] layers::ImageRecord load_image(Context& context, const std::string& reference);

/// Keeps gc away from the image while it is used. Nothing, and a note, where the store cannot be written: a gc of its
/// owner does not know of us then.
[[nodiscard]] std::optional<layers::Lease> lease_image(Context& context, const Digest& manifest,
                                                       std::string_view holder);

/// Bytes of all blobs of an image: its layers, what they cite, and its kernel.
[[nodiscard]] std::uint64_t image_size_bytes(const layers::Store& store, const layers::ImageRecord& image);

}  // namespace blueprint::cli
