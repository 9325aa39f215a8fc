#include <memory>

#include <fmt/format.h>

#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/context.h"
#include "cli/parser.h"

namespace blueprint::cli {

Command cmd_completion() {
  auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .summary = "Print a completion script for a shell.",
          .examples = {"source <(blueprint completion bash)",
                       "blueprint completion fish > ~/.config/fish/completions/blueprint.fish"},
          .options = {{.flags = "shell",
                       .value = "SHELL",
                       .help = "bash, zsh or fish",
                       .target = shell.get(),
                       .choices = {"bash", "zsh", "fish"},
                       .required = true}},
          .run = [shell](Context& context) {
            fmt::print("{}", completion_script(*shell, all_commands(), global_options(context)));
            return 0;
          }};
}

Command cmd_complete() {
  auto what = std::make_shared<std::string>();
  return {.name = "__complete",
          .summary = "Words for a completion script.",
          .options = {{.flags = "what",
                       .value = "WHAT",
                       .help = "images or recipes",
                       .target = what.get(),
                       .choices = {"images", "recipes"},
                       .required = true}},
          .hidden = true,
          .run = [what](Context& context) {
            if (*what == "images") {
              for (const auto& [tag, digest] : context.store().tags()) {
                constexpr std::string_view kLatest = ":latest";
                fmt::print("{}\n", tag.ends_with(kLatest) ? tag.substr(0, tag.size() - kLatest.size()) : tag);
              }
            } else {
              for (const auto& recipe : recipe::list_recipes(context.search())) {
                if (recipe.kind == recipe::RecipeSummary::Kind::Recipe) fmt::print("{}\n", recipe.name);
              }
            }
            return 0;
          }};
}

}  // namespace blueprint::cli
