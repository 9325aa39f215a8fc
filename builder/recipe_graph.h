#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "builder/recipe/compose.h"
#include "builder/recipe/recipe.h"

namespace blueprint::builder {

/// One recipe of a graph: what it is, or why it cannot be read, and what it builds on.
struct RecipeNode {
  enum class Asked { No, Yes };  ///< No: it is there because a recipe that was asked for builds on it

  std::string name;            ///< the recipe's; what was asked for when it cannot be read
  std::filesystem::path file;  ///< empty when there is none
  Asked asked = Asked::No;
  std::optional<recipe::Recipe> recipe;  ///< nothing when there is a fault in it
  std::optional<Error> fault;            ///< in this recipe or in its place in the graph
  std::optional<std::size_t> parent;     ///< position of the recipe that `from` names; nothing for an image or none
  /// Positions of all the recipes whose images it is built on or copies from, by what it calls them.
  std::map<std::string, std::size_t, std::less<>> needs;
};

/// Recipes and all the recipes that they need, each once. What is needed stands before what needs it; apart from that,
/// the order is that in which they were asked for.
struct RecipeGraph {
  std::vector<RecipeNode> nodes;

  /// Throws one Error with every fault of every node, when there is any.
  void throw_faults() const;
};

/// Reads what `asked` names (as recipe::load_recipe does, with `params` for each) and what that builds on. What cannot
/// be read is a node with a fault, so that the others can go on. Faults besides those of the files: R105, recipes are
/// each other's parents; R108, two files make an image of the same name; R107, a recipe that was given params is
/// another's parent, which would be built with its defaults.
[[nodiscard]] RecipeGraph load_recipe_graph(const std::vector<std::filesystem::path>& asked,
                                            const recipe::SearchPath& search, const recipe::ParamValues& params = {});

/// The same for one recipe that was read otherwise, such as from a Dockerfile.
[[nodiscard]] RecipeGraph recipe_graph_of(recipe::Recipe recipe, const recipe::SearchPath& search);

/// Error R105: the file at the end of `chain` builds on the one at its front.
[[nodiscard]] Error recipe_cycle(const std::vector<std::filesystem::path>& chain, const SourceSpan& where);

}  // namespace blueprint::builder
