#include "builder/base_config.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/error.h"
#include "builder/oci_image.h"
#include "builder/recipe_lock.h"
#include "builder/registry_image.h"

namespace blueprint::builder {
namespace fs = std::filesystem;
namespace {

recipe::BaseConfig config_of_record(const layers::ImageRecord& image) {
  return {.env = image.config.env, .workdir = image.config.workdir, .user = image.config.user};
}

/// Nothing when there is no such image (S011), or no store that could have it (S002): 'config' needs none.
std::optional<recipe::BaseConfig> config_in_store(const std::string& name,
                                                  const std::function<layers::Store&()>& open_store) {
  try {
    const layers::Store& store = open_store();
    return config_of_record(store.load_image(store.resolve(name)));
  } catch (const Error& failure) {
    const std::string& code = failure.first().code;
    if (code != "S011" && code != "S002") throw;
    return std::nullopt;
  }
}

/// What `recipe` says over what it builds on says, as the image of it will. Triggers are for a Dockerfile that names
/// their image itself.
void add_words_of(const recipe::Recipe& recipe, recipe::BaseConfig& config) {
  for (const auto& [name, value] : recipe.env) config.env[name] = value;
  if (recipe.workdir) config.workdir = *recipe.workdir;
  if (recipe.user) config.user = *recipe.user;
  config.triggers.clear();
}

std::optional<recipe::BaseConfig> config_of_oci(const recipe::Text& image, const recipe::Recipe& recipe,
                                                const BaseSources& sources) {
  std::optional<Digest> pinned;
  if (is_registry_reference(image.value)) {
    try {
      if (const auto lock = load_lock(recipe)) pinned = pinned_in(*lock, image.value);
    } catch (const Error&) {
      // A damaged lock is told when it is used; 'lock --update', which makes it anew, does not.
    }
  }
  try {
    return oci_base_config({.name = image,
                            .directory = recipe.directory,
                            .pinned = pinned,
                            .registries = sources.registries,
                            .network = sources.network},
                           sources.store, sources.stop);
  } catch (const Error& failure) {
    // No store that could keep what is fetched of a registry: as with an image of the store.
    if (failure.first().code != "S002") throw;
    return std::nullopt;
  }
}

}  // namespace

std::optional<recipe::BaseConfig> find_base_config(const recipe::Text& name, const recipe::Recipe& asker,
                                                   const BaseSources& sources) {
  std::vector<recipe::Recipe> recipes{asker};  // the one that asks, then from the one that `name` means to the bottom
  std::vector<fs::path> files;
  recipe::Text base = name;
  std::optional<recipe::BaseConfig> config;
  while (!config) {
    const recipe::Recipe& asking = recipes.back();
    if (base.value.empty() || base.value == recipe::kScratch) {
      config.emplace();
    } else if (is_oci_reference(base.value)) {
      config = config_of_oci(base, asking, sources);
      if (!config) return std::nullopt;
    } else if (const auto file = base.value.starts_with("sha256:")
                                     ? std::nullopt
                                     : recipe::find_recipe(base.value, asking.directory, sources.search)) {
      const fs::path path = fs::weakly_canonical(*file);
      if (std::find(files.begin(), files.end(), path) != files.end()) return std::nullopt;
      files.push_back(path);
      recipes.push_back(recipe::load_recipe(*file, sources.search));
      base = recipes.back().from;
    } else {
      config = config_in_store(base.value, sources.store);
      if (!config) return std::nullopt;
    }
  }
  for (std::size_t i = recipes.size(); --i > 0;) add_words_of(recipes[i], *config);
  return config;
}

}  // namespace blueprint::builder
