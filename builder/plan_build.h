#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/recipe_graph.h"
#include "builder/steps/source_image.h"

namespace blueprint::builder {

/// What a build would do with one layer.
struct PlannedLayerReport {
  enum class Fate {
    Cached,   ///< its key is known
    Runs,     ///< its key is not known, for these reasons
    Unknown,  ///< it stands on something that is made anew: whether its own key is known depends on what comes out
  };
  std::string name;
  std::string kind;
  Fate fate = Fate::Cached;
  std::vector<std::string> reasons;
  std::uint64_t download_bytes = 0;         ///< packages that are not in the store
  std::optional<double> estimated_seconds;  ///< of a layer that is not cached: what it took last time, when known
};

/// What a build would do with the tests of one recipe. They run together or not at all.
struct PlannedTests {
  PlannedLayerReport::Fate fate = PlannedLayerReport::Fate::Cached;
  std::vector<std::string> scripts;
};

/// What a build would do with one recipe.
struct RecipePlan {
  std::string recipe;
  std::filesystem::path file;
  RecipeNode::Asked asked = RecipeNode::Asked::No;
  std::vector<PlannedLayerReport>
      layers;                             ///< the recipe's own; with one "image" at the end when only that is made anew
  std::vector<std::string> lock_changes;  ///< why its lock would be written; empty when it would not
  std::optional<PlannedTests> tests;      ///< nothing when it has none, or they are to be skipped

  [[nodiscard]] bool nothing_to_do() const;
  [[nodiscard]] std::uint64_t download_bytes() const;
  [[nodiscard]] double estimated_seconds() const;  ///< of those layers whose time is known
};

/// Says what build() or build_many() would do with the recipes of the graph, and does nothing of it: reads recipes,
/// locks, inputs and store. With a missing or stale lock the packages of its layers are not known, and they are
/// Unknown. One plan for each node, in the order of the graph. Throws the faults of the graph; Error.
[[nodiscard]] std::vector<RecipePlan> plan_build(const RecipeGraph& graph, layers::Store& store,
                                                 const BuildOptions& options);

/// The images that a recipe names, as far as they are known without building: nothing when one is a recipe of which a
/// layer would run, or an OCI image that was not read before. Throws Error R104 for what is neither recipe nor image.
[[nodiscard]] std::optional<steps::Images> find_images(const recipe::Recipe& recipe, layers::Store& store,
                                                       const BuildOptions& options);

}  // namespace blueprint::builder
