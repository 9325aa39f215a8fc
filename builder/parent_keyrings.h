#pragma once

#include <filesystem>

#include "builder/recipe/recipe.h"
#include "layers/image.h"

namespace blueprint::builder {

// Which keys the archives of an image are trusted by. A recipe names keyrings by paths beside itself; recipes on top of
// the image lie elsewhere, and the image may have come from elsewhere too. The keyrings, which are public, are
// therefore kept in the image's config, in the label "blueprint.keyrings":
//   {"keyring": NAME, "files": {NAME: bytes as hexadecimal digits, …}}    NAME as the recipe says it
// Keyrings of the host and keys named by fingerprint are not kept: those are the site's business, as its mirrors are.

/// Keeps the keyrings that `distribution` names by path. One that cannot be read is complained about by whoever needs
/// it.
void keep_keyrings(layers::ImageConfig& config, const recipe::Distribution& distribution);

/// Writes the kept keyrings into `directory`, a cache, under the digests of their bytes, and lets `distribution` name
/// them there. Throws Error S042 when the config is damaged.
void restore_keyrings(const layers::ImageConfig& config, recipe::Distribution& distribution,
                      const std::filesystem::path& directory);

}  // namespace blueprint::builder
