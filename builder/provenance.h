#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder/bill_of_materials.h"
#include "builder/packages/lock.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"

namespace blueprint::builder {

/// The artifact type of a provenance statement.
inline constexpr std::string_view kProvenanceType = "application/vnd.in-toto+json";

struct ProvenanceInputs {
  const layers::ImageRecord& image;
  const layers::ImageRecord* parent = nullptr;  ///< null for a bootstrap
  const recipe::Recipe& recipe;
  const packages::Lock& lock;
  const std::vector<Material>& materials;
  const std::map<std::string, std::string>& params;  ///< given from outside
  std::string_view version;                          ///< of blueprint
};

/// How the image was built: an in-toto statement (v1) with a SLSA provenance predicate (v1), as JSON. It names the
/// recipe by the digest of its canonical form, the lock by its digest, and every input by its own: parent image, the
/// signed indices, each package, what was fetched and copied. It has no time and no invocation, so the same build gives
/// the same statement. It is not signed.
[[nodiscard]] std::string format_provenance(const ProvenanceInputs& inputs);

}  // namespace blueprint::builder
