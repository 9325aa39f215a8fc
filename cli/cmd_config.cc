#include <memory>

#include <fmt/format.h>

#include "builder/recipe/compose.h"
#include "cli/build_flags.h"
#include "cli/commands.h"

namespace blueprint::cli {

Command cmd_config() {
  struct Flags {
    RecipeFlags recipe;
    bool plain = false;
  };
  auto flags = std::make_shared<Flags>();
  auto options = recipe_options(flags->recipe);
  options.push_back(
      {.flags = "--plain", .help = "without saying where each value comes from", .target = &flags->plain});
  return {.name = "config",
          .summary = "Print a recipe as it is after fragments, params and defaults.",
          .examples = {"blueprint config web.yaml",
                       "blueprint config web.yaml --param python=3.12 --plain > resolved.yaml"},
          .options = std::move(options),
          .run = [flags](Context& context) {
            const auto recipe = load_recipe(context, flags->recipe);
            if (flags->plain) {
              fmt::print("{}", recipe::format_with_stages(recipe));
              return 0;
            }
            for (const auto& stage : recipe.stages) fmt::print("{}---\n", recipe::format_recipe_with_origins(stage));
            fmt::print("{}", recipe::format_recipe_with_origins(recipe));
            return 0;
          }};
}

}  // namespace blueprint::cli
