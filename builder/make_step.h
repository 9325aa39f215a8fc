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
#include "builder/steps/source_image.h"
#include "builder/steps/step.h"

namespace blueprint::builder {

/// What steps are made of besides their layer. All must outlive the steps.
struct StepInputs {
  const recipe::Recipe& recipe;
  std::map<std::string, std::string> parent_env;
  const packages::Lock& lock;
  const packages::Mirrors& mirrors;
  bool offline = false;
  const steps::Images& images;  ///< every image that the recipe copies from
  steps::InputDigests& digests;
  steps::HostAccess host;
};

/// A layer made ready to be found by its key or run.
struct ReadyLayer {
  std::string name;
  std::string kind;
  std::unique_ptr<steps::Step> step;  ///< null when an image that it copies from is not known yet
  SourceSpan where;
};

/// The layers of the recipe in order; where it has a distribution, the one that bootstraps it first. Throws Error K022
/// when the lock lacks the packages of one.
[[nodiscard]] std::vector<ReadyLayer> plan_layers(const StepInputs& inputs);

/// What a layer of `recipe`, or of its stage `of`, is called in reports: "run-1", "build/run-1".
[[nodiscard]] std::string reported_name(const recipe::Recipe& recipe, const recipe::Recipe& of,
                                        const std::string& layer);

/// The key record of a layer on the layers `below` it (the parent's first; empty for a bootstrap).
[[nodiscard]] plan::KeyRecord layer_key(const std::string& recipe, const ReadyLayer& layer,
                                        const std::vector<layers::LayerRef>& below, std::int64_t epoch);

}  // namespace blueprint::builder
