#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/steps/source_image.h"

namespace blueprint::builder {

/// What a build would do with one layer.
struct PlannedLayerReport {
  enum class Fate {
    Cached,   ///< its key is known
    Runs,     ///< its key is not known, for these reasons
    Unknown,  ///< it stands on a layer that runs: whether its own key is known depends on what that comes out as
  };
  std::string image;  ///< the recipe that it belongs to
  std::string name;
  std::string kind;
  Fate fate = Fate::Cached;
  std::vector<std::string> reasons;
  std::uint64_t download_bytes = 0;         ///< packages that are not in the store
  std::optional<double> estimated_seconds;  ///< what it took last time, when it is known
};

struct BuildPlan {
  std::vector<PlannedLayerReport> layers;  ///< parents first
  std::vector<std::string> lock_changes;   ///< why a lock would be written; empty when none would
  [[nodiscard]] bool nothing_to_do() const;
};

/// Says what build() would do, and does nothing of it: reads recipe, lock, inputs and store. With a missing or stale
/// lock the packages of its layers are not known, and they are Unknown.
[[nodiscard]] BuildPlan plan_build(const recipe::Recipe& recipe, layers::Store& store, const BuildOptions& options);

/// The images that a recipe names, as far as they are known without building: nothing when one is a recipe of which a
/// layer would run, or an OCI image that was not read before. Throws Error R104 for what is neither recipe nor image.
[[nodiscard]] std::optional<steps::Images> find_images(const recipe::Recipe& recipe, layers::Store& store,
                                                       const BuildOptions& options);

}  // namespace blueprint::builder
