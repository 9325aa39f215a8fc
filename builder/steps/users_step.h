#pragma once

#include "builder/recipe/recipe.h"
#include "builder/steps/command_step.h"

namespace blueprint::steps {

/// `users:` — made by the image's own groupadd and useradd, so that login.defs, skel and subordinate ids are as its
/// distribution wants them.
class UsersStep final : public CommandStep {
 public:
  explicit UsersStep(recipe::UsersStep users) : users_(std::move(users)) {}
  void add_key_fields(plan::KeyRecord& record) const override;

 protected:
  void work(rootfs::BuildRoot& root, const StepContext& context) const override;

 private:
  recipe::UsersStep users_;
};

}  // namespace blueprint::steps
