#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/build.h"

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

/// The image that `from` of a recipe stands for, as far as that is known without building: nothing when it is a recipe
/// of which a layer would run. Throws Error S011 for what is neither a recipe nor an image.
[[nodiscard]] std::optional<layers::ImageRecord> find_parent(const recipe::Recipe& recipe, layers::Store& store,
                                                             const BuildOptions& options);

}  // namespace blueprint::builder
