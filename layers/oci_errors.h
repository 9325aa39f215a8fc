#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"

// The wording of what can be wrong with an OCI image that somebody else made.

namespace blueprint::layers {

[[nodiscard]] Error no_oci_image(const std::filesystem::path& path);                            // O001
[[nodiscard]] Error not_an_oci_image(const std::filesystem::path& path, std::string_view why);  // O002
/// `known` are the names that the layout or archive has.
[[nodiscard]] Error no_such_oci_name(const std::filesystem::path& path, std::string_view name,
                                     std::span<const std::string> known);  // O003
[[nodiscard]] Error several_oci_images(std::string_view image,
                                       std::span<const std::string> known);  // O003
[[nodiscard]] Error wrong_oci_platform(std::string_view image,
                                       std::span<const std::string> found);                                     // O004
[[nodiscard]] Error missing_oci_part(const std::filesystem::path& path, std::string_view name);                 // O005
[[nodiscard]] Error wrong_oci_digest(std::string_view what, const Digest& said, const Digest& found);           // O006
[[nodiscard]] Error bad_oci_document(std::string_view what, std::string_view why);                              // O007
[[nodiscard]] Error bad_oci_layer(std::string_view layer, std::string_view why);                                // O008
[[nodiscard]] Error hostile_oci_member(std::string_view layer, std::string_view member, std::string_view why);  // O009

}  // namespace blueprint::layers
