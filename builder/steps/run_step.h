#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/recipe/recipe.h"
#include "builder/steps/command_step.h"
#include "builder/steps/file_source.h"

namespace blueprint::steps {

/// What a script may be given of the machine that builds. Each is called only when the step really runs.
struct HostAccess {
  std::function<std::string(const recipe::Text& name)> secret;                      ///< the value of a secret
  std::function<std::filesystem::path(const recipe::Text& name)> ssh_agent_socket;  ///< of an agent of SSH keys
};

/// `run:` — a script, given to /bin/sh -e.
class RunStep final : public CommandStep {
 public:
  /// `env` is the recipe's own, which the script sees below the step's; `binds` the files of each of its binds.
  RunStep(recipe::RunStep run, std::map<std::string, std::string> env, HostAccess host,
          std::vector<std::unique_ptr<FileSource>> binds);
  void add_key_fields(plan::KeyRecord& record) const override;

 protected:
  void work(rootfs::BuildRoot& root, const StepContext& context) const override;

 private:
  recipe::RunStep run_;
  HostAccess host_;
  std::vector<std::unique_ptr<FileSource>> binds_;
};

}  // namespace blueprint::steps
