#pragma once

#include <string>
#include <vector>

#include "builder/packages/install.h"
#include "builder/packages/resolve.h"
#include "builder/steps/command_step.h"

namespace blueprint::steps {

/// `packages:`, and the base that `distribution:` bootstraps: the locked .debs, downloaded, unpacked and configured.
class PackagesStep final : public CommandStep {
 public:
  struct Inputs {
    std::vector<packages::LockedPackage> packages;  ///< in configure order
    std::vector<packages::LockedRepository> repositories;
    packages::Mirrors mirrors;
    enum class Kind { Bootstrap, Add } kind = Kind::Add;
    std::string apt_sources;  ///< of a bootstrap: for the image's own /etc/apt
    std::string sources_name;
    bool offline = false;
  };
  explicit PackagesStep(Inputs inputs) : inputs_(std::move(inputs)) {}
  void add_key_fields(plan::KeyRecord& record) const override;
  /// The files of all packages, until they are compressed and hashed.
  [[nodiscard]] Memory memory() const override { return Memory::Much; }

 protected:
  void work(rootfs::BuildRoot& root, const StepContext& context) const override;

 private:
  Inputs inputs_;
};

}  // namespace blueprint::steps
