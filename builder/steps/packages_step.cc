#include "builder/steps/packages_step.h"

#include <fmt/format.h>

namespace blueprint::steps {

void PackagesStep::add_key_fields(plan::KeyRecord& record) const {
  for (const auto& package : inputs_.packages) {
    // The version comes first: it is what an explanation shows.
    record.add(
        fmt::format("package {}:{}", package.name, package.architecture),
        fmt::format("{} {} {}", package.version, package.sha256.to_string(), package.automatic ? "auto" : "manual"));
  }
  if (!inputs_.apt_sources.empty()) record.add("apt sources", inputs_.apt_sources);
}

void PackagesStep::work(rootfs::BuildRoot& root, const StepContext& context) const {
  packages::fetch_packages({.packages = inputs_.packages,
                            .repositories = inputs_.repositories,
                            .mirrors = inputs_.mirrors,
                            .debs = context.store.root() / "debs",
                            .offline = inputs_.offline,
                            .downloads = context.downloads},
                           context.events, context.stage + "/download", context.stop);
  packages::install_packages(root,
                             {.packages = inputs_.packages,
                              .debs = context.store.root() / "debs",
                              .bootstrap = inputs_.kind == Inputs::Kind::Bootstrap,
                              .apt_sources = inputs_.apt_sources,
                              .sources_name = inputs_.sources_name,
                              .epoch = context.epoch,
                              .stage = context.stage},
                             context.pool, context.events, context.stop);
}

}  // namespace blueprint::steps
