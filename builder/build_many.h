#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "builder/build.h"
#include "builder/recipe_graph.h"

namespace blueprint::builder {

enum class OnFailure {
  Stop,      ///< start no further recipe, and let those under way come to their end
  KeepGoing  ///< build everything that does not stand on what failed
};

struct BuildManyOptions {
  BuildOptions build;  ///< for each recipe; `tag` is not used
  OnFailure on_failure = OnFailure::Stop;
  unsigned recipes_at_once = 1;         ///< at least 1
  unsigned package_layers_at_once = 1;  ///< at least 1; see package_layers_that_fit()
};

/// What became of one recipe of many.
struct RecipeReport {
  enum class Outcome { Built, Cached, Failed, Skipped };
  std::string recipe;
  std::filesystem::path file;
  RecipeNode::Asked asked = RecipeNode::Asked::No;
  Outcome outcome = Outcome::Skipped;
  std::optional<BuildResult> result;  ///< of Built and Cached
  std::optional<Error> failure;       ///< of Failed
  std::string skipped_because;        ///< of Skipped, for people
  double seconds = 0;

  [[nodiscard]] std::size_t layers_run() const;
  [[nodiscard]] std::uint64_t stored_bytes() const;  ///< what its layers added to the store
};

/// Builds the recipes of a graph: each once, after its parent, and those that do not depend on each other at the same
/// time. Of what is ready, the recipe with the longest chain of recipes above it begins first. One report for each
/// node, in the order of the graph. A recipe that fails is a report and a note, not an exception; without
/// OnFailure::KeepGoing, faults of the graph are thrown before anything is built. Throws Error; Interrupted.
///
/// Each recipe is built by a thread of a pool of its own, because a build waits for the jobs that it gives to `pool`:
/// from a thread of `pool` it would wait for jobs that only itself could run.
[[nodiscard]] std::vector<RecipeReport> build_many(const RecipeGraph& graph, layers::Store& store,
                                                   const BuildManyOptions& options, ThreadPool& pool, Events& events,
                                                   std::stop_token stop);

}  // namespace blueprint::builder
