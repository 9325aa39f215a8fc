#pragma once

#include <string>
#include <variant>
#include <vector>

#include "builder/recipe/node.h"
#include "builder/recipe/recipe.h"

namespace blueprint::recipe {

/// A value given to a param of a fragment.
struct Argument {
  std::string name;
  Node value;
  SourceSpan where;
};

/// A layer that stands for those of a fragment.
struct Use {
  std::string name;  ///< of the layer; may be empty
  Text fragment;
  std::vector<Argument> with;
  SourceSpan where;
};

/// What one file says, before the fragments that it uses are put in place.
struct Document {
  Recipe recipe;  ///< without layers; of a fragment, only what fragments have
  std::vector<std::variant<Layer, Use>> body;
};

/// The values of a tree, defaults filled in. Call it on any tree that is a map: what the checker found fault with is
/// skipped, so the answer is whole only when there were no faults.
[[nodiscard]] Document bind(const Node& root, const Source& source);

}  // namespace blueprint::recipe
