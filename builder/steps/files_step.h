#pragma once

#include "builder/recipe/recipe.h"
#include "builder/steps/step.h"

namespace blueprint::steps {

/// `files:` — files whose content the recipe itself holds. Runs nothing.
class FilesStep final : public Step {
 public:
  explicit FilesStep(recipe::FilesStep files) : files_(std::move(files)) {}
  void add_key_fields(plan::KeyRecord& record) const override;
  [[nodiscard]] StepOutput apply(const StepContext& context) const override;

 private:
  recipe::FilesStep files_;
};

}  // namespace blueprint::steps
