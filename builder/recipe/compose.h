#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// Where recipes and fragments are looked for by name, after the directory of the file that names them.
struct SearchPath {
  std::vector<std::filesystem::path> catalogs;  ///< in order of preference; a missing one is skipped
};

/// Values for `params` from outside, such as the command line: name → text.
using ParamValues = std::map<std::string, std::string>;

/// Reads and resolves one recipe: its fragments are inserted in place, `${params.x}` replaced, defaults filled in. Every layer
/// of the answer says in `directory` where its relative paths start.
///
/// `what` is a file, a directory (DIR/recipe.yaml, else DIR/DIR.yaml, else the only recipe in DIR), or a name in `search`.
/// Reads files only; no network, clock or environment. Throws Error (kind Recipe, R0xx) with every fault found, and R030
/// with near names when there is no such recipe.
[[nodiscard]] Recipe load_recipe(const std::filesystem::path& what, const SearchPath& search, const ParamValues& params = {});

/// One recipe or fragment of the catalogs.
struct RecipeSummary {
  enum class Kind { Recipe, Fragment };
  std::string name;  ///< what `from:`, `use:` or the command line call it
  Kind kind = Kind::Recipe;
  std::string file;
  std::string description;
};

/// All recipes and fragments in `search`, by name. A file that is not valid is listed with what can be read of it.
[[nodiscard]] std::vector<RecipeSummary> list_recipes(const SearchPath& search);

/// format_recipe with, behind each value, a comment that says where it comes from: `# file:line`, or `# default`.
[[nodiscard]] std::string format_recipe_with_origins(const Recipe& recipe);

}  // namespace blueprint::recipe
