#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// Where recipes and fragments are looked for by name, after the directory of the file that names them.
struct SearchPath {
  std::vector<std::filesystem::path> catalogs;  ///< in order of preference; a missing one is skipped
};

/// Values for `params` from outside, such as the command line: name → text.
using ParamValues = std::map<std::string, std::string>;

/// Finds fragments by the name that `use:` says.
class FragmentLoader {
 public:
  virtual ~FragmentLoader() = default;
  struct File {
    std::string path;
    std::string text;
  };
  /// Nothing when there is none. `directory` is that of the file that says `use`.
  [[nodiscard]] virtual std::optional<File> find(const std::string& name, const std::string& directory) const = 0;
  /// Every name that find() knows, for hints.
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
};

/// The recipe that `text` of `file` says: fragments inserted in place, `${params.x}` replaced, defaults filled in.
/// Every layer says in `directory` where its relative paths start. Touches nothing but `fragments`. Throws Error (kind
/// Recipe, R0xx) with every fault found.
[[nodiscard]] Recipe compose_recipe(std::string_view text, const std::string& file, const FragmentLoader& fragments,
                                    const ParamValues& params = {});

/// Reads a recipe or a fragment as compose_recipe does and throws what is wrong with it. Params need no value here.
void lint_recipe(std::string_view text, const std::string& file, const FragmentLoader& fragments);

/// compose_recipe for a file: `what` is a file, a directory (DIR/recipe.yaml, else DIR/DIR.yaml, else the only recipe
/// in DIR), or a name in `search`. Reads files only; no network, clock or environment. Throws R030 with near names when
/// there is no such recipe.
[[nodiscard]] Recipe load_recipe(const std::filesystem::path& what, const SearchPath& search,
                                 const ParamValues& params = {});

/// Whether `what` is a directory, and not that of one recipe (DIR/recipe.yaml, DIR/DIR.yaml).
[[nodiscard]] bool is_catalog(const std::filesystem::path& what);

/// The recipes that one word of a command line stands for. A catalog stands for all the recipes below it, in the order
/// of their names; files that do not say that they are of this language (`apiVersion: blueprint/…`) are passed over.
/// Anything else, and a directory without recipes, stands for itself.
enum class Fragments { Skip, Include };
[[nodiscard]] std::vector<std::filesystem::path> expand_recipes(const std::filesystem::path& what, Fragments fragments);

/// lint_recipe for a file, found as load_recipe finds it.
void lint_recipe_file(const std::filesystem::path& what, const SearchPath& search);

/// The file of the recipe that a recipe in `directory` means by `from: NAME`; nothing when it means no recipe (then it
/// is a reference to an image).
[[nodiscard]] std::optional<std::filesystem::path> find_recipe(const std::string& name,
                                                               const std::filesystem::path& directory,
                                                               const SearchPath& search);

/// One recipe or fragment of the catalogs.
struct RecipeSummary {
  enum class Kind { Recipe, Fragment };
  std::string name;  ///< what `from:`, `use:` or the command line call it
  Kind kind = Kind::Recipe;
  std::string file;
  std::string description;
  std::string from;  ///< what a recipe builds on; empty for a bootstrap
  struct Param {
    std::string name;
    std::string type;
    std::optional<std::string> fallback;  ///< its default
    std::vector<std::string> choices;     ///< the only values, when not empty
  };
  std::vector<Param> params;
};

/// All recipes and fragments in `search`, by name. A file that is not valid is listed with what can be read of it.
[[nodiscard]] std::vector<RecipeSummary> list_recipes(const SearchPath& search);

/// format_recipe with, behind each value, a comment that says where it comes from: `# file:line`, or `# default`.
[[nodiscard]] std::string format_recipe_with_origins(const Recipe& recipe);

}  // namespace blueprint::recipe
