#pragma once

#include <string>
#include <vector>

#include "builder/build.h"
#include "cli/command.h"
#include "cli/context.h"

namespace blueprint::cli {

/// The flags that every command which resolves a recipe takes: what recipe, which mirrors, which params.
struct RecipeFlags {
  std::string recipe;
  std::string dockerfile;  ///< empty = `recipe` is a recipe; else it is the context of this Dockerfile
  std::string target;      ///< stage of the Dockerfile; empty = the last
  std::vector<std::string> mirrors;
  std::vector<std::string> params;
  bool offline = false;
};

[[nodiscard]] std::vector<Option> recipe_options(RecipeFlags& flags);
/// The recipe, or what its Dockerfile amounts to, with a note for each thing that means nothing here. Throws Error U002
/// for a NAME=VALUE that is none.
[[nodiscard]] recipe::Recipe load_recipe(Context& context, const RecipeFlags& flags);
[[nodiscard]] builder::BuildOptions build_options(Context& context, const RecipeFlags& flags);

}  // namespace blueprint::cli
