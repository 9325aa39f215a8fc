#pragma once

#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Holds a finished image to the recipe's `policy`. Throws Error (kind Step) with every breach: T010 larger than
/// max_size, T011 a setuid or setgid file that forbid_setuid names.
void check_policy(const recipe::Recipe& recipe, const layers::ImageRecord& image, const layers::Store& store);

}  // namespace blueprint::builder
