#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/plan/key_record.h"
#include "layers/store.h"

namespace blueprint::builder {

/// Why a key is not known to the store, and what its layer took the last time.
struct Miss {
  std::vector<std::string> reasons;  ///< for people; never empty
  std::optional<double> seconds;     ///< of the newest layer of the same recipe and name
};

/// Compares `key` with the newest record of the same layer of the same recipe.
[[nodiscard]] Miss explain_miss(const layers::Store& store, const plan::KeyRecord& key);

/// What the layer of that name took the last time it ran, when that is known.
[[nodiscard]] std::optional<double> seconds_last_time(const layers::Store& store, const std::string& recipe,
                                                      const std::string& layer);

}  // namespace blueprint::builder
