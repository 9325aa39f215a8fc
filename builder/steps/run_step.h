#pragma once

#include <map>
#include <string>

#include "builder/recipe/recipe.h"
#include "builder/steps/command_step.h"

namespace blueprint::steps {

/// `run:` — a script, given to /bin/sh -e.
class RunStep final : public CommandStep {
 public:
  /// `env` is the recipe's own, which the script sees below the step's.
  RunStep(recipe::RunStep run, std::map<std::string, std::string> env);
  void add_key_fields(plan::KeyRecord& record) const override;

 protected:
  void work(rootfs::BuildRoot& root, const StepContext& context) const override;

 private:
  recipe::RunStep run_;
};

}  // namespace blueprint::steps
