#pragma once

#include <stop_token>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Whether there is nothing to test: the recipe has no tests, or all have passed for this content.
[[nodiscard]] bool tests_passed(const recipe::Recipe& recipe, const layers::ImageRecord& image,
                                const layers::Store& store);

/// Runs the `tests` of a recipe in a throwaway overlay over the finished image, in the image's own env, user and
/// workdir. Tests that passed for the same content are not run again. Throws Error (kind Step, T001 wrong exit code,
/// T002 output without match) with every test that failed; Interrupted.
void run_recipe_tests(const recipe::Recipe& recipe, const layers::ImageRecord& image, layers::Store& store,
                      ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::builder
