#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "builder/rootfs/build_root.h"
#include "builder/steps/failed_root.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  std::string recipe;
  bool failed = false;
};

int run(Context& context, const Flags& flags) {
  if (!flags.failed) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U003",
                 .message = "'blueprint shell' opens the root of a failed step",
                 .hints = {"blueprint shell --failed", "for a shell in a VM of an image: blueprint run -it IMAGE"}});
  }
  const auto failed = steps::load_failed_root(context.store(), flags.recipe);
  context.events().note(
      fmt::format("root of layer '{}' of '{}' after: {}", failed.stage, failed.recipe, failed.command));
  context.end_progress();
  rootfs::BuildRoot root({.lower = failed.lower, .work = failed.work, .epoch = failed.epoch});
  const rootfs::RunOptions options{.argv = {"/bin/sh", "-i"},
                                   .environment = failed.environment,
                                   .workdir = failed.workdir,
                                   .uid = failed.uid,
                                   .gid = failed.gid};
  const ExitStatus status = root.run_interactive(options);
  return status.signal != 0 ? 128 + status.signal : status.code;
}

}  // namespace

Command cmd_shell() {
  auto flags = std::make_shared<Flags>();
  return {.name = "shell",
          .summary = "Open a shell in the root of the step that failed last.",
          .description =
              "Shows the root as the failed command left it, with its environment, user and directory. What is changed "
              "there is not kept in any image.",
          .examples = {"blueprint shell --failed", "blueprint shell --failed acme/web"},
          .options = {{.flags = "recipe",
                       .value = "NAME",
                       .help = "name of the recipe that failed (default: the newest failure)",
                       .target = &flags->recipe},
                      {.flags = "--failed", .help = "the failed step's root", .target = &flags->failed}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
