#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "builder/build.h"
#include "builder/recipe_graph.h"
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
/// The same for a command that takes several recipes: their words go to `words` instead of `flags.recipe`.
[[nodiscard]] std::vector<Option> recipe_options(RecipeFlags& flags, std::vector<std::string>& words);
/// The recipe, or what its Dockerfile amounts to, with a note for each thing that means nothing here. Throws Error U002
/// for a NAME=VALUE that is none.
[[nodiscard]] recipe::Recipe load_recipe(Context& context, const RecipeFlags& flags);
/// Values of `--param`. Throws Error U002.
[[nodiscard]] recipe::ParamValues param_values(const RecipeFlags& flags);
/// `words` with every directory that holds several recipes replaced by them.
[[nodiscard]] std::vector<std::filesystem::path> recipe_files(const std::vector<std::string>& words,
                                                              recipe::Fragments fragments = recipe::Fragments::Skip);
/// Where recipes and fragments are found by name: a directory of several recipes among `words` is a catalog itself,
/// before those of the site.
[[nodiscard]] recipe::SearchPath search_path(Context& context, const std::vector<std::string>& words);
/// The graph of the recipes that the words mean; of one Dockerfile when there is one.
[[nodiscard]] builder::RecipeGraph load_graph(Context& context, const RecipeFlags& flags,
                                              const std::vector<std::string>& words);
/// Error U016: `flag` was given with several recipes.
[[nodiscard]] Error one_image_only(std::string_view flag);
[[nodiscard]] builder::BuildOptions build_options(Context& context, const RecipeFlags& flags);

}  // namespace blueprint::cli
