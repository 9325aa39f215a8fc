#include "builder/recipe/recipe.h"

#include <algorithm>
#include <array>

#include "builder/recipe/compose.h"

namespace blueprint::recipe {
namespace {

class NoFragments final : public FragmentLoader {
 public:
  [[nodiscard]] std::optional<File> find(const std::string&, const std::string&) const override { return std::nullopt; }
  [[nodiscard]] std::vector<std::string> names() const override { return {}; }
};

}  // namespace

std::string_view kind_name(const Layer& layer) {
  // In the order of the variant's alternatives.
  static constexpr std::array<std::string_view, std::variant_size_v<decltype(layer.step)>> kNames{
      "packages", "files", "copy", "run", "users", "services", "fetch"};
  return kNames[layer.step.index()];
}

const Recipe* find_stage(const Recipe& recipe, std::string_view name) {
  const auto found = std::find_if(recipe.stages.begin(), recipe.stages.end(),
                                  [&](const Recipe& stage) { return stage.name.value == name; });
  return found == recipe.stages.end() ? nullptr : &*found;
}

Recipe parse_recipe(std::string_view text, const std::string& file) {
  return compose_recipe(text, file, NoFragments());
}

}  // namespace blueprint::recipe
