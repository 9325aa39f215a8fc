#include "builder/base_config.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/error.h"
#include "builder/oci_image.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

recipe::BaseConfig config_of_record(const layers::ImageRecord& image) {
  return {.env = image.config.env, .workdir = image.config.workdir, .user = image.config.user};
}

std::optional<recipe::BaseConfig> config_in_store(const std::string& name, const layers::Store& store) {
  try {
    return config_of_record(store.load_image(store.resolve(name)));
  } catch (const Error& failure) {
    if (failure.first().code != "S011") throw;
    return std::nullopt;
  }
}

/// What `recipe` says over what it builds on says, as the image of it will.
void add_words_of(const recipe::Recipe& recipe, recipe::BaseConfig& config) {
  for (const auto& [name, value] : recipe.env) config.env[name] = value;
  if (recipe.workdir) config.workdir = *recipe.workdir;
  if (recipe.user) config.user = *recipe.user;
}

}  // namespace

std::optional<recipe::BaseConfig> find_base_config(const recipe::Text& name, const std::string& directory,
                                                   const recipe::SearchPath& search,
                                                   const std::function<layers::Store&()>& store) {
  std::vector<recipe::Recipe> recipes;  // from the one that `name` means down to the one at the bottom
  std::vector<fs::path> files;
  recipe::Text base = name;
  std::string from = directory;
  std::optional<recipe::BaseConfig> config;
  while (!config) {
    if (base.value.empty() || base.value == recipe::kScratch) {
      config.emplace();
    } else if (is_oci_reference(base.value)) {
      config = oci_base_config(base, from);
    } else if (const auto file =
                   base.value.starts_with("sha256:") ? std::nullopt : recipe::find_recipe(base.value, from, search)) {
      const fs::path path = fs::weakly_canonical(*file);
      if (std::find(files.begin(), files.end(), path) != files.end()) return std::nullopt;
      files.push_back(path);
      recipes.push_back(recipe::load_recipe(*file, search));
      base = recipes.back().from;
      from = recipes.back().directory;
    } else {
      config = config_in_store(base.value, store());
      if (!config) return std::nullopt;
    }
  }
  for (auto recipe = recipes.rbegin(); recipe != recipes.rend(); ++recipe) add_words_of(*recipe, *config);
  return config;
}

}  // namespace blueprint::builder
