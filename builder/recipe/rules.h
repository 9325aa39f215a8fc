#pragma once

#include "builder/recipe/faults.h"
#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// Adds what is wrong with a flat recipe as a whole: secrets that nobody declares, accounts that contradict each other,
/// files below files.
void check_rules(const Recipe& recipe, Faults& faults);

}  // namespace blueprint::recipe
