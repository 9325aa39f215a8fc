#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/packages/lock.h"
#include "builder/packages/resolve.h"
#include "builder/recipe/recipe.h"
#include "builder/steps/input_digests.h"
#include "builder/steps/run_step.h"
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
  steps::SecretReader secret;
};

/// A layer made ready to be found by its key or run.
struct ReadyLayer {
  std::string name;
  std::string kind;
  std::unique_ptr<steps::Step> step;
  SourceSpan where;
};
enum class HasParent { No, Yes };

/// The layers of the recipe in order; without a parent, the one that bootstraps its distribution first. Throws Error
/// K022 when the lock lacks the packages of one.
[[nodiscard]] std::vector<ReadyLayer> plan_layers(const StepInputs& inputs, HasParent has_parent);

/// The key record of a layer on the layers `below` it (the parent's first; empty for a bootstrap).
[[nodiscard]] plan::KeyRecord layer_key(const std::string& recipe, const ReadyLayer& layer,
                                        const std::vector<layers::LayerRef>& below, std::int64_t epoch);

/// The parent of a recipe with `from`: a recipe found beside it or in the catalogs is built first; else an image of the
/// store. Throws Error R104 with near names when it is neither, R105 when recipes are each other's parents.
[[nodiscard]] layers::ImageRecord resolve_from(const recipe::Recipe& recipe, layers::Store& store,
                                               const BuildOptions& options, ThreadPool& pool, Events& events,
                                               std::stop_token stop);

}  // namespace blueprint::builder
