#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"

namespace blueprint::layers {

// The wording of what can be wrong with a store and its images: codes S001 to S099 (docs/errors.md).

[[nodiscard]] Error newer_store(const std::filesystem::path& root, std::string_view found, int known);
[[nodiscard]] Error store_not_created(const std::filesystem::path& root, std::string_view why);
[[nodiscard]] Error not_a_store(const std::filesystem::path& root, std::string_view foreign_entry);
[[nodiscard]] Error damaged_store_file(const std::filesystem::path& file, std::string_view why);
[[nodiscard]] Error missing_blob(const Digest& digest);
[[nodiscard]] Error damaged_blob(const Digest& digest, std::string_view what, std::string_view why);
[[nodiscard]] Error unknown_image(std::string_view reference, std::span<const std::string> near);
[[nodiscard]] Error ambiguous_image(std::string_view prefix, std::span<const std::string> candidates);
[[nodiscard]] Error bad_tag(std::string_view name);
[[nodiscard]] Error not_a_blueprint_image(const Digest& manifest, std::string_view why);

}  // namespace blueprint::layers
