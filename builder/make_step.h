#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "builder/build.h"
#include "builder/packages/lock.h"
#include "builder/packages/resolve.h"
#include "builder/recipe/recipe.h"
#include "builder/steps/input_digests.h"
#include "builder/steps/step.h"

namespace blueprint::builder {

/// What steps are made of besides their layer. All must outlive the steps.
struct StepInputs {
  const recipe::Recipe& recipe;
  std::map<std::string, std::string> parent_env;
  const packages::Lock& lock;
  const packages::Mirrors& mirrors;
  bool offline = false;
  steps::InputDigests& digests;
};

/// The step that bootstraps the recipe's distribution.
[[nodiscard]] std::unique_ptr<steps::Step> make_base_step(const StepInputs& inputs);
[[nodiscard]] std::unique_ptr<steps::Step> make_step(const recipe::Layer& layer, const StepInputs& inputs);

/// The parent of a recipe with `from`: a recipe found beside it or in the catalogs is built first; else an image of the store.
/// Throws Error R104 with near names when it is neither, R105 when recipes are each other's parents.
[[nodiscard]] layers::ImageRecord resolve_from(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options,
                                               ThreadPool& pool, Events& events, std::stop_token stop);

}  // namespace blueprint::builder
