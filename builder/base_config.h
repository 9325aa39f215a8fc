#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "builder/oci_image.h"
#include "builder/recipe/compose.h"
#include "builder/recipe/dockerfile.h"
#include "builder/recipe/recipe.h"
#include "layers/store.h"

namespace blueprint::builder {

/// How a base that is no file of ours may be had.
struct BaseSources {
  const recipe::SearchPath& search;
  std::function<layers::Store&()> store;  ///< asked for only when a base is in it or goes through it
  const RegistryAccess& registries;
  OciRequest::Network network = OciRequest::Network::Use;
  std::stop_token stop;
};

/// What the image that `asker` calls `name` hands down to what is built on it; of that recipe only its file and
/// directory count. Builds and imports nothing: of a recipe it is what the file and those that it builds on say, of an
/// OCI image its config (of one of a registry, as the recipe's lock pins it, manifest and config are fetched), of an
/// image of the store its record. Nothing when there is no such image, when it is not known here and the network may
/// not be used, or when recipes are each other's parents: the build says what is wrong. Throws Error for what is there
/// and cannot be read.
[[nodiscard]] std::optional<recipe::BaseConfig> find_base_config(const recipe::Text& name, const recipe::Recipe& asker,
                                                                 const BaseSources& sources);

}  // namespace blueprint::builder
