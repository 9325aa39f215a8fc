#pragma once

#include "builder/recipe/recipe.h"
#include "builder/steps/command_step.h"

namespace blueprint::steps {

/// `services:` — enabled, disabled and masked by the image's own systemctl, offline: it reads each unit's [Install]
/// section.
class ServicesStep final : public CommandStep {
 public:
  explicit ServicesStep(recipe::ServicesStep services) : services_(std::move(services)) {}
  void add_key_fields(plan::KeyRecord& record) const override;

 protected:
  void work(rootfs::BuildRoot& root, const StepContext& context) const override;

 private:
  recipe::ServicesStep services_;
};

}  // namespace blueprint::steps
