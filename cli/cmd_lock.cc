#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "builder/make_step.h"
#include "builder/recipe_lock.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

struct Flags {
  RecipeFlags recipe;
  bool check = false;
  bool update = false;
};

int run(Context& context, const Flags& flags) {
  const auto recipe = load_recipe(context, flags.recipe);
  const builder::BuildOptions options = build_options(context, flags.recipe);
  std::optional<layers::ImageRecord> parent;
  if (!recipe.from.value.empty()) {
    parent = builder::resolve_from(recipe, context.store(), options, context.pool(), context.events(), context.stop());
  }
  const builder::LockMode mode = flags.check    ? builder::LockMode::Locked
                                 : flags.update ? builder::LockMode::Refresh
                                                : builder::LockMode::Update;
  (void)builder::ensure_lock({.recipe = recipe,
                              .parent = parent ? &*parent : nullptr,
                              .mode = mode,
                              .mirrors = options.mirrors,
                              .offline = options.offline},
                             context.store(), context.pool(), context.events(), context.stop());
  context.end_progress();
  fmt::print("{}\n", builder::lock_path(recipe).string());
  return 0;
}

}  // namespace

Command cmd_lock() {
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  options.push_back({.flags = "--check", .help = "only say whether it is stale (exit 3)", .target = &flags->check});
  options.push_back({.flags = "--update", .help = "resolve anew", .target = &flags->update});
  return {.name = "lock",
          .summary = "Make, check or update the lock of a recipe.",
          .description =
              "The lock names every package that a build installs, by version and SHA-256. Without a flag: make it "
              "when it is missing or stale.",
          .examples = {"blueprint lock web.yaml", "blueprint lock web.yaml --check      # exit 3 when it is stale",
                       "blueprint lock web.yaml --update     # newest versions of everything"},
          .options = std::move(options),
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
