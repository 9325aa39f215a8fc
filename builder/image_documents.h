#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder/make_step.h"
#include "builder/packages/lock.h"
#include "builder/recipe/recipe.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::builder {

struct DocumentInputs {
  const recipe::Recipe& recipe;
  const layers::ImageRecord& image;
  const layers::ImageRecord* parent = nullptr;  ///< null for a bootstrap
  const packages::Lock& lock;
  const std::vector<ReadyLayer>& layers;             ///< of the recipe
  const std::map<std::string, std::string>& params;  ///< given from outside
  std::string_view version;                          ///< of blueprint
};

/// Attaches the bill of materials and the provenance to an image that lacks one of them. Those of an image that has
/// both stay: they are true of the build that made it, and a build that changed nothing reads only the store's index
/// for this.
void attach_documents(const DocumentInputs& inputs, layers::Store& store);

}  // namespace blueprint::builder
