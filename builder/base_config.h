#pragma once

#include <functional>
#include <optional>
#include <string>

#include "builder/recipe/compose.h"
#include "builder/recipe/dockerfile.h"
#include "builder/recipe/recipe.h"
#include "layers/store.h"

namespace blueprint::builder {

/// What the image that a recipe in `directory` calls `name` hands down to what is built on it. Builds and imports
/// nothing: of a recipe it is what the file and those that it builds on say, of an OCI image its config, of an image of
/// the store, which is asked for only then, its record. Nothing when there is no such image, or when recipes are each
/// other's parents: resolve_image() says what is wrong. Throws Error for what is there and cannot be read.
[[nodiscard]] std::optional<recipe::BaseConfig> find_base_config(const recipe::Text& name, const std::string& directory,
                                                                 const recipe::SearchPath& search,
                                                                 const std::function<layers::Store&()>& store);

}  // namespace blueprint::builder
