#pragma once

#include <optional>
#include <string>

#include "builder/recipe/recipe.h"
#include "layers/image.h"

namespace blueprint::builder {

/// The distribution that an image was bootstrapped from, as its config keeps it for the packages layers of its
/// children. Nothing when the image was not made by a recipe with `distribution`.
[[nodiscard]] std::optional<recipe::Distribution> distribution_of(const layers::ImageConfig& config);
void set_distribution(layers::ImageConfig& config, const recipe::Distribution& distribution);

/// The label that keeps it, and what it holds.
inline constexpr const char* kDistributionLabel = "blueprint.distribution";

/// The distribution as canonical JSON: what of it decides which packages are chosen.
[[nodiscard]] std::string format_distribution(const recipe::Distribution& distribution);

}  // namespace blueprint::builder
