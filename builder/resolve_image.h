#pragma once

#include <stop_token>
#include <vector>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/build.h"
#include "builder/recipe/recipe.h"
#include "builder/steps/source_image.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Every image that a recipe and its stages are built on or copy from, once, and that is no stage of it itself: in the
/// order in which they are named, that of `from` first.
[[nodiscard]] std::vector<recipe::Text> images_named_by(const recipe::Recipe& recipe);

/// What the recipe calls each image that it names: a recipe found beside it or in the catalogs is built first; an OCI
/// image is written as a layer unless it was before, one of a registry as the recipe's lock pins it, unless that is to
/// be made anew; else an image of the store. Throws Error R104 with near names when it is none of them, R105 when
/// recipes are each other's parents, K020 when the lock is not to be changed and does not pin an image of a registry,
/// O0xx and N0xx for an OCI image that cannot be had.
[[nodiscard]] steps::Images resolve_images(const recipe::Recipe& recipe, layers::Store& store,
                                           const BuildOptions& options, ThreadPool& pool, Events& events,
                                           std::stop_token stop);

/// An image of the store. Throws Error R104 with near names of images, recipes and stages.
[[nodiscard]] layers::ImageRecord load_named_image(const recipe::Text& name, const recipe::Recipe& recipe,
                                                   const layers::Store& store, const recipe::SearchPath& search);

}  // namespace blueprint::builder
